/*
 * A guest without an operating system: it burns CPU, or naps, and tells the
 * serial port what time it is and how long it was kept from running.
 *
 * The command line chooses: "on=300 every=1000 after=500" burns 300 ms of
 * each 1000 ms, for the first time 500 ms after the start. Without it, it
 * burns all the time. With "dirty=32" it writes to 32 MiB of its memory
 * meanwhile, over and over. Twice a second it says, in hexadecimal,
 *
 *     S <ticks of 10 ns since it began> <nanoseconds of KVM's steal clock>
 *
 * where KVM has a steal clock, else T instead of S and 0.
 *
 * It is loaded by QEMU (-kernel) in the way of PVH: 32 bit, no paging, and
 * %ebx points at struct hvm_start_info.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/*
 * doze() returns after one interrupt. It drops the interrupt's frame and
 * returns as any function: iret is not there in every KVM that has to
 * emulate 32-bit code.
 */
__asm__(".section .note.Xen, \"a\", @note\n"
        ".align 4\n"
        ".long 4, 4, 18\n" /* XEN_ELFNOTE_PHYS32_ENTRY */
        ".asciz \"Xen\"\n"
        ".long start\n"
        ".text\n"
        ".globl start, doze, wake\n"
        "start: mov $stack, %esp\n"
        "push %ebx\n"
        "call main\n"
        "doze: sti\n"
        "hlt\n"
        "wake: movl $0, 0xfee000b0\n" /* end of interrupt */
        "add $12, %esp\n"
        "ret\n"
        ".bss\n"
        ".align 16\n"
        ".skip 4096\n"
        "stack:\n"
        ".text\n");

void doze(void);
extern char wake[];

static void outb(u16 port, u8 value)
{
        __asm__ volatile("outb %0, %1" : : "a"(value), "dN"(port));
}

/* A clock of 64 bits and a known rate; the TSC's has to be found out. */
#define HPET(offset) (*(volatile u32 *)(0xfed00000 + (offset)))
#define TICKS(ms) ((u64)(ms) * 100000)

static u64 clock(void)
{
        u32 high, low;

        do {
                high = HPET(0xf4);
                low = HPET(0xf0);
        } while (high != HPET(0xf4));
        return (u64)high << 32 | low;
}

/* struct kvm_steal_time; KVM writes to it. */
static volatile struct {
        u64 steal;
        u32 version, pad[13];
} kvm __attribute__((aligned(64)));

static u64 steal(void)
{
        u32 version;
        u64 value;

        do {
                version = kvm.version;
                value = kvm.steal;
        } while (version != kvm.version);
        return value;
}

static void cpuid(u32 leaf, u32 *a, u32 *b)
{
        u32 c, d;

        __asm__("cpuid" : "=a"(*a), "=b"(*b), "=c"(c), "=d"(d) : "a"(leaf));
}

static int has_steal_clock(void)
{
        u32 features, name;

        cpuid(0x40000000, &features, &name);
        if (name != 0x4b4d564b) /* KVMK; not TCGT */
                return 0;
        cpuid(0x40000001, &features, &name);
        if (!(features & 1 << 5))
                return 0;
        __asm__ volatile("wrmsr" /* MSR_KVM_STEAL_TIME */
                         : : "c"(0x4b564d03), "a"((u32)&kvm | 1), "d"(0));
        return 1;
}

static void put(char c)
{
        outb(0x3f8, (u8)c);
}

static void put_hex(u64 value)
{
        for (int shift = 60; shift >= 0; shift -= 4)
                put("0123456789abcdef"[value >> shift & 15]);
}

static u32 option(const char *line, const char *name, u32 otherwise)
{
        for (; *line; line++) {
                const char *l = line, *n = name;
                u32 value = 0;

                while (*n && *l == *n)
                        l++, n++;
                if (*n)
                        continue;
                while (*l >= '0' && *l <= '9')
                        value = 10 * value + (u32)(*l++ - '0');
                return value;
        }
        return otherwise;
}

#define APIC(offset) (*(volatile u32 *)(0xfee00000 + (offset)))
#define CODE 8
#define DATA 16
#define TIMER 0x40
#define SPURIOUS 0xff

struct table {
        u16 limit;
        u32 base;
} __attribute__((packed));

static void prepare_naps(void)
{
        static u64 gdt[] = {0, 0xcf9b000000ffff, 0xcf93000000ffff};
        static u64 idt[256];
        struct table g = {sizeof gdt - 1, (u32)gdt};
        struct table i = {sizeof idt - 1, (u32)idt};
        u32 low = (u32)wake & 0xffff, high = (u32)wake & 0xffff0000;

        idt[TIMER] = (u64)(high | 0x8e00) << 32 | CODE << 16 | low;
        idt[SPURIOUS] = idt[TIMER];
        __asm__ volatile("lgdt %0; lidt %1; ljmp %3, $1f; 1:"
                         "mov %2, %%ds; mov %2, %%es; mov %2, %%ss"
                         : : "m"(g), "m"(i), "r"(DATA), "i"(CODE) : "memory");
        outb(0x21, 0xff); /* nobody but the APIC interrupts */
        outb(0xa1, 0xff);
        APIC(0xf0) = 1 << 8 | SPURIOUS;
        APIC(0x320) = TIMER; /* once */
        APIC(0x3e0) = 10;    /* each 128th tick of 1 GHz */
}

static void nap(u32 ticks)
{
        APIC(0x380) = ticks / 13 + 1;
        doze();
}

#define MEMORY ((volatile u8 *)0x400000) /* well behind ours */

/* For so many spins, with a write to another page in each. */
static void burn(u32 spins, u32 dirty)
{
        static u32 offset;

        for (volatile u32 i = 0; i < spins; i++) {
                if (!dirty)
                        continue;
                MEMORY[offset]++;
                offset = (offset + 4096) % dirty;
        }
}

void main(const u32 *start_info)
{
        const char *line = (const char *)start_info[6]; /* cmdline_paddr */
        u64 on = TICKS(option(line, "on=", 1000));
        u64 every = TICKS(option(line, "every=", 1000));
        u64 burst = TICKS(option(line, "after=", 0)), report = 0;
        u32 dirty = option(line, "dirty=", 0) << 20;
        char kind = has_steal_clock() ? 'S' : 'T';
        u32 spins = 64;

        prepare_naps();
        HPET(0x10) = 1; /* go */
        for (;;) {
                u64 waited = steal(), now = clock();

                if (now >= report) {
                        put(kind), put(' ');
                        put_hex(now), put(' ');
                        put_hex(waited), put('\n');
                        report = now + TICKS(500);
                }
                while (now >= burst + every)
                        burst += every;
                if (now >= burst && now < burst + on) {
                        burn(spins, dirty);
                        /* To ask for the time is slow: not too often. */
                        if (clock() - now < TICKS(1))
                                spins *= 2;
                } else {
                        u64 next = now < burst ? burst : burst + every;

                        if (next > report)
                                next = report;
                        nap((u32)(next - now));
                }
        }
}

"""What the API server says to an eviction, and what that means. Pure."""

import dataclasses
import re

from steal_scheduler.orchestrators.kubernetes.objects import Json, Pod


@dataclasses.dataclass(frozen=True, slots=True)
class Eviction:
    """What the API server said to an eviction."""

    #: Why the pod is still there; empty if it goes, or is gone.
    held: str = ''
    #: It never will: not a matter of time.
    never: bool = False


def explained(pod: Pod, status: int, said: Json) -> Eviction | None:
    """What a refused eviction means; None: it says nothing about this pod.

    Statuses and causes are those of the API server's eviction.go.
    """
    message = ' '.join(str(said.get('message', '')).split())[:200]
    causes = (said.get('details') or {}).get('causes') or ()
    reasons = {cause.get('reason'): cause for cause in causes}
    if status in (404, 409):
        # Gone, or another pod has its name by now: the next look tells.
        return Eviction()
    if status == 429:
        text = reasons.get('DisruptionBudget', {}).get('message', message)
        name = re.match(r'The disruption budget (\S+) (.*)', text)
        if name:
            text = (
                f'held by PodDisruptionBudget {pod.namespace}/{name[1]} '
                f'({name[2]})'
            )
        return Eviction(text or 'held: too many requests')
    if status == 403 and 'NamespaceTerminating' in reasons:
        return Eviction(f'namespace {pod.namespace} is being deleted')
    if status == 500 and 'PodDisruptionBudget' in message:
        return Eviction(f'{pod}: {message}', never=True)
    return None

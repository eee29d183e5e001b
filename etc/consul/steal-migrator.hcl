# What steal-migrator may do in Consul, and no more.

# Look at nodes, and put them into maintenance and out of it. If the names of
# all that it moves begin alike, let it write no others: "read" here, and
# node_prefix "web-" { policy = "write" } beside it.
node_prefix "" {
  policy = "write"
}

# Make sure that an agent is that of the node.
agent_prefix "" {
  policy = "read"
}

# From Consul 1.20.2 on: know that nothing is hidden. It looks at no service,
# but an answer counts as incomplete there where checks of services are hidden.
service_prefix "" {
  policy = "read"
}

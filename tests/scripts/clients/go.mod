module private-registry.test/clients

go 1.24

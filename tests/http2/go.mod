module private-registry/tests/http2

go 1.26.0

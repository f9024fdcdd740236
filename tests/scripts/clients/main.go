// Shakes hands as Docker does: for each line of JSON on standard input, which says whom to ask and what to trust, or
// nothing of that for what the system trusts, it prints the error, or an empty line.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

type server struct {
	Address, Name, Authority string
}

func shake(s server) error {
	var trusted *x509.CertPool
	if s.Authority != "" {
		trusted = x509.NewCertPool()
		trusted.AppendCertsFromPEM([]byte(s.Authority))
	}
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	connection, err := tls.DialWithDialer(dialer, "tcp", s.Address, &tls.Config{RootCAs: trusted, ServerName: s.Name})
	if err != nil {
		return err
	}
	return connection.Close()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s server
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			panic(err)
		}
		if err := shake(s); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println()
		}
	}
}

package remote

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
)

// Connection tells how to reach a host. Without a host key every key is accepted.
type Connection struct {
	Host           *string  `pulumi:"host"`
	User           *string  `pulumi:"user,optional"`
	Port           *float64 `pulumi:"port,optional"`
	PrivateKey     *string  `pulumi:"privateKey,optional" provider:"secret"`
	HostKey        *string  `pulumi:"hostKey,optional"`
	DialErrorLimit *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout *int     `pulumi:"perDialTimeout,optional"`
}

var connectionNames = []string{"host", "user", "port", "privateKey", "hostKey", "dialErrorLimit", "perDialTimeout"}

// Annotate sets the official plugin's defaults.
func (c *Connection) Annotate(a infer.Annotator) {
	a.SetDefault(&c.User, "root")
	a.SetDefault(&c.Port, 22)
	a.SetDefault(&c.DialErrorLimit, 10)
	a.SetDefault(&c.PerDialTimeout, 15)
}

func (c *Connection) run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) error {
	client, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	session.Stdin, session.Stdout, session.Stderr = stdin, stdout, stderr
	return session.Run(command)
}

func (c *Connection) dial(ctx context.Context) (*ssh.Client, error) {
	config, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(*c.Host, strconv.Itoa(int(*c.Port)))
	for attempt := 1; ; attempt++ {
		client, err := ssh.Dial("tcp", address, config)
		if err == nil {
			return client, nil
		}
		if *c.DialErrorLimit >= 0 && attempt > *c.DialErrorLimit {
			return nil, fmt.Errorf("after %d failed attempts: %w", attempt-1, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(attempt) * 200 * time.Millisecond):
		}
	}
}

func (c *Connection) clientConfig() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:            *c.User,
		Timeout:         time.Duration(*c.PerDialTimeout) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	}
	if c.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*c.HostKey))
		if err != nil {
			return nil, fmt.Errorf("failed to parse host key: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}
	if c.PrivateKey != nil {
		signer, err := ssh.ParsePrivateKey([]byte(*c.PrivateKey))
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	return config, nil
}

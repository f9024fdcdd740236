package remote

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Server tells how to log in to one SSH server. Without a host key every key is accepted.
type Server struct {
	Host               *string  `pulumi:"host"`
	User               *string  `pulumi:"user,optional"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// Connection tells how to reach a host, directly or through a bastion.
type Connection struct {
	Server
	Proxy *Proxy `pulumi:"proxy,optional"`
}

// Proxy tells how to reach a bastion.
type Proxy struct {
	Server
}

var serverNames = []string{
	"host", "user", "port", "privateKey", "privateKeyPassword", "password", "hostKey", "dialErrorLimit", "perDialTimeout",
}

// Annotate sets the official plugin's defaults.
func (s *Server) Annotate(a infer.Annotator) {
	a.SetDefault(&s.User, "root")
	a.SetDefault(&s.Port, 22)
	a.SetDefault(&s.DialErrorLimit, 10)
	a.SetDefault(&s.PerDialTimeout, 15)
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
	if c.Proxy == nil {
		return retried(ctx, &c.Server, func() (*ssh.Client, error) { return ssh.Dial("tcp", c.address(), config) })
	}
	client, err := c.dialThroughProxy(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return client, nil
}

func (c *Connection) dialThroughProxy(ctx context.Context, config *ssh.ClientConfig) (*ssh.Client, error) {
	proxyConfig, err := c.Proxy.clientConfig()
	if err != nil {
		return nil, err
	}
	proxy, err := retried(ctx, &c.Proxy.Server, func() (*ssh.Client, error) {
		return ssh.Dial("tcp", c.Proxy.address(), proxyConfig)
	})
	if err != nil {
		return nil, err
	}
	stream, err := retried(ctx, &c.Server, func() (net.Conn, error) { return proxy.Dial("tcp", c.address()) })
	if err != nil {
		return nil, err
	}
	connection, channels, requests, err := ssh.NewClientConn(stream, c.address(), config)
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(connection, channels, requests), nil
}

func (s *Server) address() string {
	return net.JoinHostPort(*s.Host, strconv.Itoa(int(*s.Port)))
}

// retried dials until it works or the server's limit of errors is passed.
func retried[T any](ctx context.Context, s *Server, dial func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		connection, err := dial()
		if err == nil {
			return connection, nil
		}
		var none T
		if *s.DialErrorLimit >= 0 && attempt > *s.DialErrorLimit {
			return none, fmt.Errorf("after %d failed attempts: %w", attempt-1, err)
		}
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-time.After(time.Duration(attempt) * 200 * time.Millisecond):
		}
	}
}

func (s *Server) clientConfig() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:            *s.User,
		Timeout:         time.Duration(*s.PerDialTimeout) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	}
	if s.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*s.HostKey))
		if err != nil {
			return nil, fmt.Errorf("failed to parse host key: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}
	var err error
	config.Auth, err = s.methods()
	return config, err
}

// methods lists the ways to log in, in the official plugin's order, without its keyboard-interactive one. An agent is asked whenever the environment names one.
func (s *Server) methods() ([]ssh.AuthMethod, error) {
	var methods []ssh.AuthMethod
	if s.PrivateKey != nil {
		signer, err := s.signer()
		if err != nil {
			return nil, err
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if s.Password != nil {
		methods = append(methods, ssh.Password(*s.Password))
	}
	if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" {
		connection, err := net.Dial("unix", socket)
		if err != nil {
			return nil, err
		}
		methods = append(methods, ssh.PublicKeysCallback(agent.NewClient(connection).Signers))
	}
	return methods, nil
}

func (s *Server) signer() (ssh.Signer, error) {
	if s.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*s.PrivateKey), []byte(*s.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*s.PrivateKey))
}

// A client that keeps its connection of HTTP/2 and streams what it uploads, so that no request can be sent again.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	workers = 4
	pieces  = 4
)

// piece is a part of the layer that all workers upload again and again.
var piece = strings.Repeat("x", 4096)

type client struct {
	http        *http.Client
	base        string
	user        string
	password    string
	connections atomic.Int64
	requests    atomic.Int64
	mutex       sync.Mutex
	failures    []string
}

// Arguments: ADDRESS:PORT, the registry's name, a user, how long to wait between uploads. Standard input: the password;
// its end is the end of the load.
func main() {
	pause, err := time.ParseDuration(os.Args[4])
	if err != nil {
		panic(err)
	}
	input := bufio.NewReader(os.Stdin)
	password, _ := input.ReadString('\n')
	c := newClient(os.Args[1], os.Args[2], os.Args[3], strings.TrimSpace(password))
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for range workers {
		group.Go(func() { c.work(ctx, pause) })
	}
	_, _ = io.Copy(io.Discard, input)
	stop()
	group.Wait()
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"connections": c.connections.Load(), "requests": c.requests.Load(), "failures": append([]string{}, c.failures...),
	})
}

func newClient(address, name, user, password string) *client {
	c := &client{base: "https://" + name, user: user, password: password}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		c.connections.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	// Whom to trust is what other clients look at.
	insecure := &tls.Config{InsecureSkipVerify: true}
	c.http = &http.Client{Transport: &http.Transport{DialContext: dial, TLSClientConfig: insecure, ForceAttemptHTTP2: true}}
	return c
}

func (c *client) work(ctx context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		if err := c.upload(); err != nil {
			c.mutex.Lock()
			c.failures = append(c.failures, err.Error())
			c.mutex.Unlock()
		}
		time.Sleep(pause)
	}
}

func (c *client) upload() error {
	location, err := c.request(http.MethodPost, c.base+"/v2/load/http2/blobs/uploads/", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	reader, writer := io.Pipe()
	go func() {
		for range pieces {
			if _, err := io.WriteString(writer, piece); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
		_ = writer.Close()
	}()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Repeat(piece, pieces))))
	target := c.base + location + "&digest=" + strings.Replace(digest, ":", "%3A", 1)
	if _, err = c.request(http.MethodPut, target, reader, http.StatusCreated); err != nil {
		_ = reader.CloseWithError(err)
		return err
	}
	_, err = c.request(http.MethodGet, c.base+"/v2/load/http2/blobs/"+digest, nil, http.StatusOK)
	return err
}

// request returns the Location of the answer, whose status has to be the one that is expected.
func (c *client) request(method, target string, body io.Reader, expected int) (string, error) {
	request, err := http.NewRequest(method, target, body)
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(c.user, c.password)
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	c.requests.Add(1)
	if response.StatusCode != expected || response.ProtoMajor != 2 {
		return "", fmt.Errorf("%s %s: %s %s %.200s", method, target, response.Proto, response.Status, text)
	}
	return response.Header.Get("Location"), nil
}

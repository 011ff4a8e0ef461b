package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

type healthCommand struct {
	Listen  string `default:"127.0.0.1:8080" help:"Address that the server listens on." env:"GRIDPATROL_LISTEN"`
	TLSCert string `help:"The server's certificate, if it speaks TLS." env:"GRIDPATROL_TLS_CERT"`
}

// Run asks the server on this machine whether it is alive, for containers
// that have no shell.
func (c *healthCommand) Run(r *run) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The certificate is for the name by which phones know the server, not for
	// this machine's own address; and nothing is told that needs protection.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // see above
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the server doesn't answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", answer.Status)
	}
	return nil
}

// url is where the server can be asked from this machine: one that listens
// on all addresses is asked on loopback.
func (c *healthCommand) url() (string, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", fmt.Errorf("--listen must be an address like 127.0.0.1:8080: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/healthz", nil
}

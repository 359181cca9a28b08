package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// LoadTLS makes the TLS side of a client of PEM files: the authorities that sign the workers' certificates, and the
// certificate and key that the client shows. Each may be empty; without any of them it is nil.
func LoadTLS(authorities, certificate, key string) (*tls.Config, error) {
	if authorities == "" && certificate == "" && key == "" {
		return nil, nil //nolint:nilnil // nil is what Config.TLS takes for the defaults
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		pem, err := os.ReadFile(authorities)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities of the workers' certificates: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", authorities)
		}
	}
	switch {
	case certificate == "" && key == "":
		return c, nil
	case certificate == "" || key == "":
		return nil, errors.New("a client's certificate and its key belong together: give both")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("reading the client's certificate and key: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

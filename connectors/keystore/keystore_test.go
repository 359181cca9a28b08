package keystore

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const password = "store-password"

// store names a file that keytool has made (testdata/make).
func store(name, password string) File {
	return File{Path: filepath.Join("testdata", name), Password: password, Prefix: "some."}
}

// refused tells whether a file is to be refused, and checks that it is, or is not, and that nothing secret is said of it.
func refused(t *testing.T, err error, bad string) bool {
	t.Helper()
	if bad == "" {
		if err != nil {
			t.Fatal(err)
		}
		return false
	}
	if err == nil || !strings.Contains(err.Error(), bad) || strings.Contains(err.Error(), "secret") {
		t.Fatalf("error %v, want %q in it", err, bad)
	}
	return true
}

func TestKeyPair(t *testing.T) {
	own := store("keys.jks", password)
	own.KeyPassword = "key-password"
	for _, tc := range []struct {
		name string
		file File
		bad  string
	}{
		{name: "PKCS12, with the authority before the key", file: store("keys.p12", password)},
		{name: "PKCS12 of Java 8", file: store("java8.p12", password)},
		{name: "JKS, with a password of the key", file: own},
		{name: "PKCS12, wrong password", file: store("keys.p12", "secret"), bad: "set some.ssl.keystore.password"},
		{name: "PKCS12, no password", file: store("keys.p12", ""), bad: "set some.ssl.keystore.password"},
		{name: "JKS, wrong password", file: store("keys.jks", "secret"), bad: "set some.ssl.keystore.password"},
		{name: "JKS, no password of the key", file: store("keys.jks", password), bad: "set some.ssl.key.password"},
		{name: "PKCS12 without a key", file: store("trust.p12", password), bad: "private key missing"},
		{name: "JKS without a key", file: store("trust.jks", password), bad: "no private key"},
		{name: "PEM without a key", file: store("ca.pem", ""), bad: "PEM, PKCS12 or JKS"},
		{name: "no file", file: store("missing", ""), bad: "missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, err := tc.file.KeyPair()
			if refused(t, err, tc.bad) {
				return
			}
			leaf, err := x509.ParseCertificate(pair.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			if leaf.Subject.CommonName != "client" || len(pair.Certificate) != 2 || !belongs(pair.PrivateKey, leaf) {
				t.Errorf("%d certificates, the first of %s", len(pair.Certificate), leaf.Subject)
			}
		})
	}
}

func TestAuthorities(t *testing.T) {
	pair, err := store("keys.p12", password).KeyPair()
	if err != nil {
		t.Fatal(err)
	}
	client, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	own := store("keys.jks", password)
	for _, tc := range []struct {
		name string
		file File
		bad  string
	}{
		{name: "PKCS12", file: store("trust.p12", password)},
		{name: "JKS", file: store("trust.jks", password)},
		{name: "JKS, unchecked without a password", file: store("trust.jks", "")},
		{name: "PEM", file: store("ca.pem", "")},
		{name: "PKCS12 with a key", file: store("keys.p12", password)},
		{name: "JKS with a key", file: own},
		{name: "PKCS12, wrong password", file: store("trust.p12", "secret"), bad: "set some.ssl.truststore.password"},
		{name: "PKCS12, no password", file: store("trust.p12", ""), bad: "set some.ssl.truststore.password"},
		{name: "JKS, wrong password", file: store("trust.jks", "secret"), bad: "set some.ssl.truststore.password"},
		{name: "no certificate", file: store("make", ""), bad: "no certificate"},
		{name: "no file", file: store("missing", ""), bad: "missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pool, err := tc.file.Authorities()
			if refused(t, err, tc.bad) {
				return
			}
			if _, err := client.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzStores feeds files that are cut off or damaged.
func FuzzStores(f *testing.F) {
	for _, name := range []string{"keys.p12", "keys.jks", "java8.p12", "trust.p12", "trust.jks", "ca.pem"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := File{Path: filepath.Join(t.TempDir(), "store"), Password: password}
		if err := os.WriteFile(file.Path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if pair, err := file.KeyPair(); err == nil && (len(pair.Certificate) == 0 || pair.PrivateKey == nil) {
			t.Error("neither an error nor a key with a certificate")
		}
		if pool, err := file.Authorities(); err == nil && pool.Equal(x509.NewCertPool()) {
			t.Error("neither an error nor a certificate")
		}
	})
}

package api

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

const storePassword = "store-password"

// inPKCS12Files are the two stores of identities as keytool writes them by default.
func inPKCS12Files(t *testing.T, server, friend identity) TLS {
	t.Helper()
	pair := keyPairOf(t, server)
	keys, err := pkcs12.Modern.Encode(pair.PrivateKey, server.cert, nil, storePassword)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{friend.cert}, storePassword)
	if err != nil {
		t.Fatal(err)
	}
	return TLS{KeyStore: pemFile(t, keys), KeyStorePassword: storePassword, TrustStore: pemFile(t, trust), TrustStorePassword: storePassword}
}

// inJKSFiles are they in Java's own format, the key with a password of its own.
func inJKSFiles(t *testing.T, server, friend identity) TLS {
	t.Helper()
	secret, err := x509.MarshalPKCS8PrivateKey(keyPairOf(t, server).PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, trust := jks.New(), jks.New()
	entry := jks.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: secret, CertificateChain: []jks.Certificate{{Type: "X509", Content: server.cert.Raw}}}
	if err := keys.SetPrivateKeyEntry("server", entry, []byte("key-password")); err != nil {
		t.Fatal(err)
	}
	trusted := jks.TrustedCertificateEntry{CreationTime: time.Now(), Certificate: jks.Certificate{Type: "X509", Content: friend.cert.Raw}}
	if err := trust.SetTrustedCertificateEntry("friend", trusted); err != nil {
		t.Fatal(err)
	}
	file := func(ks jks.KeyStore) string {
		var b bytes.Buffer
		if err := ks.Store(&b, []byte(storePassword)); err != nil {
			t.Fatal(err)
		}
		return pemFile(t, b.Bytes())
	}
	return TLS{
		KeyStore: file(keys), KeyStorePassword: storePassword, KeyPassword: "key-password",
		TrustStore: file(trust), TrustStorePassword: storePassword,
	}
}

func keyPairOf(t *testing.T, i identity) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(i.pem, i.pem)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestStoresOfJava(t *testing.T) {
	server, friend, stranger := newIdentity(t, "server"), newIdentity(t, "friend"), newIdentity(t, "stranger")
	for name, options := range map[string]TLS{"PKCS12": inPKCS12Files(t, server, friend), "JKS": inJKSFiles(t, server, friend)} {
		t.Run(name, func(t *testing.T) {
			options.ClientAuth = "required"
			s := listen(t, ServerOptions{Listeners: []string{"https://127.0.0.1:0"}, TLS: options})
			s.Attach(newRunning())
			if status, body, err := get(t, trusting(t, server, &friend), s.URLs()[0], "connectors"); status != 200 || err != nil {
				t.Errorf("a friend: answered %d %s, %v", status, body, err)
			}
			if _, _, err := get(t, trusting(t, server, &stranger), s.URLs()[0], "connectors"); err == nil {
				t.Error("a stranger was let in")
			}
			for property, wrong := range map[string]TLS{
				"ssl.keystore.password":   {KeyStore: options.KeyStore, KeyStorePassword: "wrong", KeyPassword: options.KeyPassword},
				"ssl.truststore.password": {KeyStore: options.KeyStore, KeyStorePassword: storePassword, KeyPassword: options.KeyPassword, TrustStore: options.TrustStore, TrustStorePassword: "wrong", ClientAuth: "required"},
			} {
				if _, err := wrong.config("listeners"); err == nil || !strings.Contains(err.Error(), "set "+property+" to the password of the file") || strings.Contains(err.Error(), "wrong") {
					t.Errorf("%s: error %v", property, err)
				}
			}
		})
	}
}

func TestAdminListenerOfItsOwnCertificate(t *testing.T) {
	users, admins := newIdentity(t, "users"), newIdentity(t, "admins")
	s := listen(t, ServerOptions{
		Listeners: []string{"https://127.0.0.1:0"}, TLS: TLS{KeyStore: users.file(t)},
		AdminListeners: []string{"https://127.0.0.1:0"}, AdminTLS: TLS{KeyStore: admins.file(t)},
	})
	s.Attach(newRunning())
	for i, want := range []identity{users, admins} {
		path := []string{"connectors", "admin/loggers"}[i]
		if status, body, err := get(t, trusting(t, want, nil), s.URLs()[i], path); status != 200 || err != nil {
			t.Errorf("%s: answered %d %s, %v", path, status, body, err)
		}
	}
}

// Package certs makes the certificates of one lab: a CA, the server
// certificates of the API server and of the kubelet port, and a client
// certificate for each identity.
//
// Every certificate is X.509 version 3, the client ones too: rustls refuses
// version 1.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// Main writes the certificates into a folder.
func Main(args []string) error {
	fs := flag.NewFlagSet("certs", flag.ContinueOnError)
	dir := fs.String("dir", "", "Folder to write to.")
	var servers, clients list
	fs.Var(&servers, "server", "NAME=SAN,SAN,...: a server certificate (repeatable).")
	fs.Var(&clients, "client", "NAME=COMMON-NAME[,GROUP...]: a client certificate (repeatable).")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("--dir is missing")
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	a, err := newAuthority(*dir)
	if err != nil {
		return err
	}
	for _, s := range servers {
		name, sans, _ := strings.Cut(s, "=")
		if err := a.server(name, strings.Split(sans, ",")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, c := range clients {
		name, subject, _ := strings.Cut(c, "=")
		parts := strings.Split(subject, ",")
		if err := a.client(name, parts[0], parts[1:]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return serviceAccountKey(*dir)
}

type authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
}

func template(subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               subject,
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(30 * 24 * time.Hour),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}, nil
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := template(pkix.Name{CommonName: "kubernetes-lab-ca"})
	if err != nil {
		return nil, err
	}
	t.IsCA = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{dir: dir, cert: cert, key: key}
	return a, a.write("ca", der, key)
}

func (a *authority) server(name string, sans []string) error {
	t, err := template(pkix.Name{CommonName: name})
	if err != nil {
		return err
	}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, s := range sans {
		if ip := net.ParseIP(s); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, s)
		}
	}
	return a.issue(name, t)
}

func (a *authority) client(name, commonName string, groups []string) error {
	t, err := template(pkix.Name{CommonName: commonName, Organization: groups})
	if err != nil {
		return err
	}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(name, t)
}

func (a *authority) issue(name string, t *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return a.write(name, der, key)
}

func (a *authority) write(name string, der []byte, key crypto.Signer) error {
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(a.dir, name+".crt"), cert, 0o644); err != nil {
		return err
	}
	return writeKey(filepath.Join(a.dir, name+".key"), key)
}

func writeKey(path string, key any) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// serviceAccountKey is RSA, as in most clusters: the tokens that Vault checks
// then have the usual form.
func serviceAccountKey(dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(dir, "sa.key"), key); err != nil {
		return err
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "sa.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}), 0o644)
}

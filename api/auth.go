package api

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// users are those of the basic authentication, with hashes of their passwords; nil means that nobody is asked.
type users map[string][sha256.Size]byte

// loadUsers reads user=password lines, as Connect's PropertyFileLoginModule does.
func loadUsers(path string) (users, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the users of the REST API: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	u := users{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		name, password, ok := splitProperty(line)
		if !ok || name == "" || password == "" {
			return nil, fmt.Errorf("reading the users of the REST API: %s, line %d: expected user=password", path, n) // the line itself may be a secret
		}
		u[name] = sha256.Sum256([]byte(password))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the users of the REST API: %s: %w", path, err)
	}
	if len(u) == 0 {
		return nil, fmt.Errorf("reading the users of the REST API: %s has no user; add a line user=password, or do without the file", path)
	}
	return u, nil
}

// splitProperty takes a line of a Java properties file apart: at the first = or :, where a backslash stands for the
// character behind it.
func splitProperty(line string) (key, value string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case (c == '=' || c == ':') && !ok:
			key, ok = strings.TrimSpace(b.String()), true
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return key, strings.TrimSpace(b.String()), ok
}

// middleware lets in who gives a name and password of the file. Browsers ask about other origins without credentials,
// so that preflight requests pass: they learn nothing but methods.
func (u users) middleware(next http.Handler) http.Handler {
	if u == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPreflight(r) || u.know(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="connect", charset="UTF-8"`)
		write(w, http.StatusUnauthorized, "application/json", []byte(`{"error_code":401,"message":"User cannot access the resource."}`))
	})
}

// know compares in a time that tells nothing of names and passwords.
func (u users) know(r *http.Request) bool {
	name, password, _ := r.BasicAuth()
	want, has := u[name]
	got := sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(got[:], want[:]) == 1 // unknown names compare too, with nothing that anybody can hash to
	return has && same
}

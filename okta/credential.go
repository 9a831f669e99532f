package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Credential is what the client shows the org to be let in. The zero value is
// none, and [New] refuses it. However it is printed, it shows its kind and
// never the secret. It may be used concurrently.
type Credential struct {
	// The secret lives only inside these functions: fmt prints the unexported
	// fields of a struct raw, whatever String says, but can't look into a
	// closure.

	// authorize puts the credential onto a request that goes to the org. It
	// may block (a credential that has to be fetched or renewed first).
	authorize func(ctx context.Context, req *http.Request) error
	// redact takes the secret out of a text that came from outside. cut: the
	// text was cut off, maybe in the middle of the secret, so its end goes too.
	redact func(s string, cut bool) string
	kind   string
	err    error
}

// Token is an Okta API token, sent as "Authorization: SSWS …". White space
// around it (the line end of a file it was read from) and a leading "SSWS "
// are dropped. A token that is empty or can't be sent in a header makes [New]
// fail.
func Token(token string) Credential {
	token = strings.TrimSpace(token)
	token = strings.TrimSpace(strings.TrimPrefix(token, "SSWS "))
	c := Credential{kind: "SSWS"}
	if token == "" || token == "SSWS" {
		c.err = errors.New("the API token is empty")
		return c
	}
	for i := 0; i < len(token); i++ {
		if token[i] <= ' ' || token[i] > '~' {
			c.err = fmt.Errorf("the API token has a character at byte %d that no token has: "+
				"copy it again from Security > API > Tokens", i)
			return c
		}
	}
	c.authorize = func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "SSWS "+token)
		return nil
	}
	// net/http quotes what servers say.
	quoted := strconv.Quote(token)
	quoted = quoted[1 : len(quoted)-1]
	c.redact = func(s string, cut bool) string {
		s = redact(s, token)
		if quoted != token {
			s = redact(s, quoted)
		}
		if cut {
			s = s[:max(len(s)-len(quoted)+1, 0)]
		}
		return s
	}
	return c
}

// redact replaces secret in s. Case doesn't matter: hosts are put into lower
// case, and a secret can be sent back as one.
func redact(s, secret string) string {
	var b strings.Builder
	from := 0
	for i := 0; i+len(secret) <= len(s); {
		if !strings.EqualFold(s[i:i+len(secret)], secret) {
			i++
			continue
		}
		b.WriteString(s[from:i] + "***")
		i += len(secret)
		from = i
	}
	return b.String() + s[from:]
}

// String is the credential's kind and three asterisks, "SSWS ***"; "no
// credential" for the zero value.
func (c Credential) String() string {
	if c.kind == "" {
		return "no credential"
	}
	return c.kind + " ***"
}

// GoString is String, for %#v.
func (c Credential) GoString() string { return c.String() }

// check says why the credential can't be used.
func (c Credential) check() error {
	if c.err != nil {
		return c.err
	}
	if c.authorize == nil {
		return errors.New("no credential: give an API token")
	}
	return nil
}

// clean makes a text from outside fit for an error message: one line, valid
// UTF-8, no control characters, no secret, at most max bytes.
func (c Credential) clean(s string, max int) string { return c.cleanCut(s, max, false) }

// cleanCut is clean for a text which may have been cut off, maybe in the
// middle of the secret.
func (c Credential) cleanCut(s string, max int, cut bool) string {
	// A secret that the cut to max would go through must be found before, so
	// look well beyond max, but not through megabytes.
	if far := max + 1<<12; len(s) > far {
		s, cut = s[:far], true
	}
	if c.redact != nil {
		s = c.redact(s, cut)
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if len(s) > max {
		s = strings.ToValidUTF8(s[:max], "") + "…"
	}
	return s
}

package oktatest

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"hash"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The default password policy.
const (
	minPassword     = 8
	maxPassword     = 72
	minLoginPart    = 4 // shorter parts of the login may be in the password
	passwordHistory = 4 // how many former passwords count as used too recently
	policyCause     = "Password requirements were not met. Password requirements: at least 8 characters, " +
		"a lowercase letter, an uppercase letter, a number, no parts of your username."
	reuseCause = "Password has been used too recently"
)

// meetsPolicy says whether a password suits the default policy. Characters count, not bytes.
func meetsPolicy(password, login string) bool {
	n := utf8.RuneCountInString(password)
	if n < minPassword || n > maxPassword ||
		strings.IndexFunc(password, unicode.IsLower) < 0 || strings.IndexFunc(password, unicode.IsUpper) < 0 ||
		strings.IndexFunc(password, unicode.IsDigit) < 0 {
		return false
	}
	folded := fold(password)
	for _, part := range loginParts(login) {
		if utf8.RuneCountInString(part) >= minLoginPart && strings.Contains(folded, fold(part)) {
			return false
		}
	}
	return true
}

// loginParts splits a login as the policy does. The last label of the domain is no part.
func loginParts(login string) []string {
	if at := strings.LastIndexByte(login, '@'); at >= 0 {
		if dot := strings.LastIndexByte(login[at:], '.'); dot >= 0 {
			login = login[:at+dot]
		}
	}
	return strings.FieldsFunc(login, func(r rune) bool { return strings.ContainsRune(",._#@-", r) })
}

// A secret is a text of which only a salted hash is kept. A nil one is no text at all.
type secret struct{ salt, sum [32]byte }

func newSecret(text string) *secret {
	s := &secret{}
	rand.Read(s.salt[:]) // never fails
	s.sum = sha256.Sum256(append(s.salt[:], text...))
	return s
}

func (s *secret) is(text string) bool {
	if s == nil {
		return false
	}
	sum := sha256.Sum256(append(s.salt[:], text...))
	return subtle.ConstantTimeCompare(sum[:], s.sum[:]) == 1
}

// A password is what a client sets as one: a text, a hash from elsewhere, or a hook that will know.
type password struct {
	text string
	hash *importedHash
	hook bool
	flaw string // what is wrong with the hash, or with the three; "": nothing
}

// imported says whether the password itself was not sent.
func (p *password) imported() bool { return p.hash != nil || p.hook }

// readPassword reads credentials.password. nil is no password, which {} is as well. ok is false if the
// object isn't one.
func readPassword(raw json.RawMessage) (p *password, ok bool) {
	var text *string
	var hashed, hook json.RawMessage
	if !decode(raw, fieldSet{"value": &text, "hash": &hashed, "hook": &hook}) {
		return nil, false
	}
	p = &password{}
	given := 0
	if text != nil {
		p.text = *text
		given++
	}
	if hashed != nil {
		if p.hash, p.flaw, ok = readHash(hashed); !ok {
			return nil, false
		}
		given++
	}
	if hook != nil {
		var kind string
		if !decode(hook, fieldSet{"type": &kind}) {
			return nil, false
		}
		if p.hook = true; kind != "default" {
			p.flaw = "The type of a password hook must be default"
		}
		given++
	}
	switch {
	case given == 0:
		return nil, true
	case given > 1:
		p.flaw = "Only one of value, hash and hook can be given"
	}
	return p, true
}

// refuses says what is wrong with the password of the user with this login, "" if nothing is. Hashes and
// hooks are exempt from the policy.
func (p *password) refuses(login string) string {
	if p.flaw == "" && !p.imported() && !meetsPolicy(p.text, login) {
		return policyCause
	}
	return p.flaw
}

// setPassword gives u a password. What that does to the status is the caller's business.
func (u *user) setPassword(p *password, now int64) {
	if u.secret != nil {
		u.history = append([]*secret{u.secret}, u.history[:min(len(u.history), passwordHistory-1)]...)
	}
	u.hasPassword, u.passwordChanged = true, now
	u.secret, u.imported = nil, p.hash
	if p.imported() {
		u.provider = providerImport
		return
	}
	u.secret = newSecret(p.text)
	if u.provider == providerImport {
		u.provider = providerOkta
	}
}

// dropPassword takes the password away, as deactivation does. When it was changed stays known.
func (u *user) dropPassword() {
	u.hasPassword, u.secret, u.imported, u.history = false, nil, nil, nil
	if u.provider == providerImport {
		u.provider = providerOkta
	}
}

// knows says whether text is the password. Nobody knows the passwords of generated users, and those of
// hooks and bcrypt hashes can't be checked here: then no text is.
func (u *user) knows(text string) bool {
	switch {
	case !u.hasPassword:
		return false
	case u.imported != nil:
		return u.imported.matches(text)
	}
	return u.secret.is(text)
}

// usedRecently says whether text is the password or one of the last few before.
func (u *user) usedRecently(text string) bool {
	return u.knows(text) || slices.ContainsFunc(u.history, func(s *secret) bool { return s.is(text) })
}

// passwordKeptElsewhere says whether Okta neither keeps nor sets the user's password.
func (u *user) passwordKeptElsewhere() bool {
	return u.provider.kind != providerOkta.kind && u.provider.kind != providerImport.kind
}

// mastered says whether the user belongs to a directory, which alone may change profile and password.
func (u *user) mastered() bool {
	return u.provider.kind == providerAD.kind || u.provider.kind == "LDAP"
}

// unambiguous are the characters of temporary passwords: none that is easily taken for another.
const unambiguous = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// temporaryPassword returns 12 characters that meet the policy.
func temporaryPassword(login string) string {
	for {
		var random [64]byte
		rand.Read(random[:])
		b := make([]byte, 0, 12)
		for _, r := range random {
			// The 256 values aren't a multiple of the characters; those that would favour some are left out.
			if n := byte(len(unambiguous)); r < 255/n*n && len(b) < cap(b) {
				b = append(b, unambiguous[r%n])
			}
		}
		if len(b) == cap(b) && meetsPolicy(string(b), login) {
			return string(b)
		}
	}
}

// An importedHash is the hash of a password that another system made.
type importedHash struct {
	algorithm, digest   string
	postfix             bool
	salt, sum           []byte
	iterations, keySize int
}

// Limits of PBKDF2. The upper ones are ours: they keep a check from taking seconds.
const (
	minIterations = 4096
	maxIterations = 10_000_000
	maxKeySize    = 1024
)

var digests = map[string]func() hash.Hash{
	"MD5": md5.New, "SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-512": sha512.New,
	"SHA256_HMAC": sha256.New, "SHA512_HMAC": sha512.New,
}

// readHash reads credentials.password.hash. That formats are checked is documented; the texts that say
// what is wrong are ours. ok is false if the object isn't one.
func readHash(raw json.RawMessage) (h *importedHash, flaw string, ok bool) {
	var value, salt, order string
	var factor int
	h = &importedHash{}
	if !decode(raw, fieldSet{"algorithm": &h.algorithm, "value": &value, "salt": &salt, "saltOrder": &order,
		"workFactor": &factor, "iterationCount": &h.iterations, "keySize": &h.keySize, "digestAlgorithm": &h.digest}) {
		return nil, "", false
	}
	if h.algorithm == "BCRYPT" {
		if len(value) != 31 || len(salt) != 22 || !isRadix64(value) || !isRadix64(salt) || factor < 1 || factor > 20 {
			flaw = "A BCRYPT hash has a value of 31 and a salt of 22 radix-64 characters and a workFactor from 1 to 20"
		}
		return h, flaw, true
	}
	var err1, err2 error
	h.sum, err1 = base64.StdEncoding.DecodeString(value)
	h.salt, err2 = base64.StdEncoding.DecodeString(salt)
	if err1 != nil || err2 != nil || len(h.sum) == 0 {
		return h, "The value and the salt of a hash must be Base64", true
	}
	switch h.algorithm {
	case "MD5", "SHA-1", "SHA-256", "SHA-512":
		h.postfix = order == "POSTFIX"
		if len(h.sum) != digests[h.algorithm]().Size() {
			return h, "The value of the hash has the wrong length", true
		}
		if (order != "" || salt != "") && order != "PREFIX" && order != "POSTFIX" {
			return h, "The saltOrder of a salted hash must be PREFIX or POSTFIX", true
		}
	case "PBKDF2":
		if h.iterations < minIterations || h.iterations > maxIterations {
			return h, "The iterationCount of the hash must be from 4096 to 10000000", true
		}
		if h.digest != "SHA256_HMAC" && h.digest != "SHA512_HMAC" {
			return h, "The digestAlgorithm of the hash must be SHA256_HMAC or SHA512_HMAC", true
		}
		if len(h.salt) == 0 || h.keySize != len(h.sum) || h.keySize > maxKeySize {
			return h, "The hash must have a salt, and a keySize that is the length of its value", true
		}
	default:
		return h, "The algorithm of the hash must be BCRYPT, SHA-512, SHA-256, SHA-1, MD5 or PBKDF2", true
	}
	return h, "", true
}

func isRadix64(s string) bool { return isBase62(strings.NewReplacer(".", "", "/", "").Replace(s)) }

// matches says whether text has this hash. bcrypt can't be checked: then no text has.
func (h *importedHash) matches(text string) bool {
	var sum []byte
	switch h.algorithm {
	case "BCRYPT":
		return false
	case "PBKDF2":
		var err error
		if sum, err = pbkdf2.Key(digests[h.digest], text, h.salt, h.iterations, h.keySize); err != nil {
			return false
		}
	default:
		d := digests[h.algorithm]()
		if !h.postfix {
			d.Write(h.salt)
		}
		d.Write([]byte(text))
		if h.postfix {
			d.Write(h.salt)
		}
		sum = d.Sum(nil)
	}
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

package oktatest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// etag is a version of type and profile: it says nothing about status, times or credentials, and two
// users with the same profile have the same one.
func (u *user) etag() string {
	sum := sha256.Sum256(u.appendProfile([]byte(u.typeTail), nil))
	return `W/"` + hex.EncodeToString(sum[:]) + `"`
}

// matchETag checks If-Match, if the request has it. Tags are compared as weak ones, as Okta has no
// others; * is any user there is.
func (c *call) matchETag(u *user) *apiError {
	headers := c.Header.Values("If-Match")
	if len(headers) == 0 {
		return nil
	}
	tags, ok := parseETags(strings.Join(headers, ","))
	if !ok {
		return errETagSyntax()
	}
	current := strings.TrimPrefix(u.etag(), "W/")
	for _, tag := range tags {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == current {
			return nil
		}
	}
	return errETagMismatch()
}

// parseETags reads the list of entity tags that RFC 9110 allows in If-Match, or *.
func parseETags(text string) (tags []string, ok bool) {
	text = strings.Trim(text, " \t")
	if text == "*" {
		return []string{text}, true
	}
	for {
		open := 0
		if strings.HasPrefix(text, "W/") {
			open = 2
		}
		if len(text) <= open || text[open] != '"' {
			return nil, false
		}
		end := strings.IndexByte(text[open+1:], '"')
		if end < 0 {
			return nil, false
		}
		end += open + 2
		tag := text[:end]
		for i := open + 1; i < end-1; i++ {
			if tag[i] <= ' ' || tag[i] == 0x7f {
				return nil, false
			}
		}
		tags = append(tags, tag)
		text = strings.TrimLeft(text[end:], " \t")
		if text == "" {
			return tags, true
		}
		var comma bool
		if text, comma = strings.CutPrefix(text, ","); !comma {
			return nil, false
		}
		text = strings.TrimLeft(text, " \t")
	}
}

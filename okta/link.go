package okta

import (
	"errors"
	"strings"
)

// nextLink finds the target of rel="next" in the values of the Link header:
// Okta sends one header per relation, a proxy may have joined them with commas
// (RFC 8288 allows both). found says whether there is one. A header that can't
// be read, or two different next links, are an error: taking such a page for
// the last one would lose the rest of the list.
func nextLink(values []string) (target string, found bool, err error) {
	for _, value := range values {
		for rest := strings.TrimLeft(value, " \t,"); rest != ""; rest = strings.TrimLeft(rest, " \t,") {
			var uri string
			var next bool
			uri, next, rest, err = oneLink(rest)
			if err != nil {
				return "", false, err
			}
			if !next {
				continue
			}
			if found && uri != target {
				return "", false, errors.New("the Link header has two different next links")
			}
			target, found = uri, true
		}
	}
	return target, found, nil
}

var errLink = errors.New("the Link header can't be read")

// oneLink reads one link, `<uri>; name=value; name="value"`, from the start of
// s. The rest begins behind the comma that ends it, or is empty.
func oneLink(s string) (uri string, next bool, rest string, err error) {
	if s[0] != '<' {
		return "", false, "", errLink
	}
	end := strings.IndexByte(s, '>')
	if end < 0 {
		return "", false, "", errLink
	}
	uri, s = strings.TrimSpace(s[1:end]), strings.TrimLeft(s[end+1:], " \t")
	relSeen := false
	for s != "" && s[0] != ',' {
		if s[0] != ';' {
			return "", false, "", errLink
		}
		var name, value string
		name, value, s, err = linkParam(strings.TrimLeft(s[1:], " \t"))
		if err != nil {
			return "", false, "", err
		}
		// RFC 8288, 3.3: only the first rel counts.
		if strings.EqualFold(name, "rel") && !relSeen {
			relSeen = true
			for rel := range strings.FieldsSeq(value) {
				next = next || strings.EqualFold(rel, "next")
			}
		}
	}
	if next && uri == "" {
		return "", false, "", errLink
	}
	return uri, next, strings.TrimPrefix(s, ","), nil
}

// linkParam reads `name`, `name=token` or `name="quoted"` from the start of s;
// the rest begins with ";" or "," or is empty. Single quotes, which are none in
// RFC 8288, are taken for quotes; what could be a mangled next link is an error.
func linkParam(s string) (name, value, rest string, err error) {
	end := indexOrLen(s, "=;,")
	name, s = strings.TrimSpace(s[:end]), s[end:]
	assigned := strings.HasPrefix(s, "=")
	if strings.ContainsFunc(name, notInName) || name == "" && assigned {
		return "", "", "", errLink
	}
	if !assigned {
		return name, "", s, nil
	}
	s = strings.TrimLeft(s[1:], " \t")
	if s == "" || s[0] != '"' && s[0] != '\'' {
		end = indexOrLen(s, ";,")
		value = strings.TrimSpace(s[:end])
		if strings.ContainsFunc(value, notInToken) {
			return "", "", "", errLink
		}
		return name, value, s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return name, b.String(), strings.TrimLeft(s[i+1:], " \t"), nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", "", errLink
}

// notInToken says whether r can't stand in a value without quotes; notInName,
// whether it can't in a name. RFC 8288 allows even less.
func notInToken(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"<>`, r) }
func notInName(r rune) bool  { return notInToken(r) || strings.ContainsRune(" ':", r) }

func indexOrLen(s, chars string) int {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return i
	}
	return len(s)
}

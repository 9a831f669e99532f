package oktatest

import "strings"

// A projection is what the request parameter "fields" asks for. A nil one is everything. The id is
// shown whatever it says.
type projection struct {
	top     map[string]bool
	profile map[string]bool // nil: the whole profile, if top has it
}

func (p *projection) has(name string) bool { return p == nil || p.top[name] }

func (p *projection) hasAttribute(name string) bool {
	return p == nil || p.profile == nil || p.profile[name]
}

// parseFields reads a list such as id,status,profile:(firstName,city). Names that no user has select
// nothing. What Okta answers to a list that isn't well-formed is not known; here it is a validation error.
func parseFields(text string) (*projection, *apiError) {
	bad := errValidation("fields", "fields: The list of fields is not well-formed")
	p := &projection{top: map[string]bool{}}
	whole := false
	for rest := text; rest != ""; {
		end := strings.IndexAny(rest, ",:()")
		if end < 0 {
			end = len(rest)
		}
		name := strings.TrimSpace(rest[:end])
		rest = rest[end:]
		if name == "" {
			return nil, bad
		}
		p.top[name] = true
		inner, nested := strings.CutPrefix(rest, ":(")
		if nested {
			list, after, closed := strings.Cut(inner, ")")
			if !closed || name != "profile" || strings.ContainsAny(list, "(:") {
				return nil, bad
			}
			if p.profile == nil {
				p.profile = map[string]bool{}
			}
			for one := range strings.SplitSeq(list, ",") {
				p.profile[strings.TrimSpace(one)] = true
			}
			rest = after
		} else if name == "profile" {
			whole = true
		}
		if rest == "" {
			break
		}
		var comma bool
		if rest, comma = strings.CutPrefix(rest, ","); !comma || rest == "" {
			return nil, bad
		}
	}
	if whole {
		p.profile = nil
	}
	return p, nil
}

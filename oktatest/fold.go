package oktatest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// foldRune maps all cases of a letter to one, the lower one where there is one.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	return unicode.ToLower(least)
}

// fold is s with the differences between cases taken away, and nothing else.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, s)
		}
	}
	return s
}

// compareFold compares s without regard to case with a text that is folded already.
func compareFold(s, folded string) int {
	for s != "" && folded != "" {
		a, n := rune(s[0]), 1
		if a >= utf8.RuneSelf {
			a, n = utf8.DecodeRuneInString(s)
		}
		b, m := rune(folded[0]), 1
		if b >= utf8.RuneSelf {
			b, m = utf8.DecodeRuneInString(folded)
		}
		if a = foldRune(a); a != b {
			if a < b {
				return -1
			}
			return 1
		}
		s, folded = s[n:], folded[m:]
	}
	switch {
	case s != "":
		return 1
	case folded != "":
		return -1
	}
	return 0
}

// hasPrefixFold says whether s begins with a text that is folded already, whatever the case of s.
func hasPrefixFold(s, folded string) bool {
	for folded != "" {
		if s == "" {
			return false
		}
		a, n := rune(s[0]), 1
		if a >= utf8.RuneSelf {
			a, n = utf8.DecodeRuneInString(s)
		}
		b, m := rune(folded[0]), 1
		if b >= utf8.RuneSelf {
			b, m = utf8.DecodeRuneInString(folded)
		}
		if foldRune(a) != b {
			return false
		}
		s, folded = s[n:], folded[m:]
	}
	return true
}

// baseLetters lists for each plain letter the ones that are the same letter to a login: Okta takes
// logins that differ only in case or diacritics for the same.
var baseLetters = func() map[rune]rune {
	m := map[rune]rune{}
	for _, line := range [...]string{
		"aàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ",
		"bḃḅḇ",
		"cçćĉċčḉ",
		"dďđḋḍḏḑḓ",
		"eèéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ",
		"fḟ",
		"gĝğġģǧǵḡ",
		"hĥħȟḣḥḧḩḫẖ",
		"iìíîïĩīĭįıǐȉȋḭḯỉị",
		"jĵǰ",
		"kķǩḱḳḵ",
		"lĺļľłḷḹḻḽ",
		"mḿṁṃ",
		"nñńņňǹṅṇṉṋ",
		"oòóôõöøōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ",
		"pṕṗ",
		"rŕŗřȑȓṙṛṝṟ",
		"sśŝşšșṡṣṥṧṩ",
		"tţťŧțṫṭṯṱẗ",
		"uùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự",
		"vṽṿ",
		"wŵẁẃẅẇẉẘ",
		"xẋẍ",
		"yýÿŷȳẏẙỳỵỷỹ",
		"zźżžẑẓẕ",
	} {
		base := rune(line[0])
		for _, r := range line[1:] {
			m[foldRune(r)] = base
		}
	}
	return m
}()

// foldLogin is a login without case and diacritics, the form in which logins are unique.
func foldLogin(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < utf8.RuneSelf
	}
	if plain {
		return fold(s)
	}
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return foldRune(r)
		}
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		r = foldRune(r)
		if base, ok := baseLetters[r]; ok {
			return base
		}
		return r
	}, s)
}

// hasAstral says whether s has a character of four bytes in UTF-8, which Okta doesn't accept.
func hasAstral(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0xf0 {
			return true
		}
	}
	return false
}

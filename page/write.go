package page

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Markdown returns the page as GitHub's Markdown. Its links are relative to docs/tables.
func (p *Page) Markdown() string {
	var b strings.Builder
	for i, bl := range p.blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case bl.heading != "":
			fmt.Fprintf(&b, "%s %s\n", strings.Repeat("#", bl.level), bl.heading)
		case bl.text != "":
			fmt.Fprintln(&b, bl.text)
		case bl.items != nil:
			for _, item := range bl.items {
				fmt.Fprintln(&b, "- "+item)
			}
		case bl.code != "":
			fmt.Fprintf(&b, "```sql\n%s\n```\n", bl.code)
		default:
			markdownRow(&b, bl.heads)
			fmt.Fprintln(&b, "|"+strings.Repeat("---|", len(bl.heads)))
			for _, row := range bl.rows {
				markdownRow(&b, row)
			}
		}
	}
	return b.String()
}

func markdownRow(b *strings.Builder, cells []string) {
	for _, c := range cells {
		fmt.Fprintf(b, "| %s ", strings.ReplaceAll(c, "|", `\|`))
	}
	b.WriteString("|\n")
}

// narrowest is the least width that Text keeps to.
const narrowest = 40

// Text returns the page for people to read on a terminal that is width characters wide, as plain text
// without escape sequences. SQL is as wide as it is.
func (p *Page) Text(width int) string {
	width = max(width, narrowest)
	var b strings.Builder
	for i, bl := range p.blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case bl.heading != "":
			textHeading(&b, bl)
		case bl.text != "":
			wrap(&b, "", "", plain(bl.text), width)
		case bl.items != nil:
			for _, item := range bl.items {
				wrap(&b, "  - ", "    ", plain(item), width)
			}
		case bl.code != "":
			fmt.Fprintln(&b, "  "+strings.ReplaceAll(bl.code, "\n", "\n  "))
		default:
			textTable(&b, bl, width)
		}
	}
	return b.String()
}

func textHeading(b *strings.Builder, bl block) {
	switch bl.level {
	case 1:
		fmt.Fprintf(b, "%s\n%s\n", bl.heading, strings.Repeat("=", runewidth.StringWidth(bl.heading)))
	case 2:
		fmt.Fprintf(b, "%s\n%s\n", bl.heading, strings.Repeat("-", runewidth.StringWidth(bl.heading)))
	default:
		fmt.Fprintln(b, bl.heading)
	}
}

// textTable writes each row as a line of its short columns, and the long one below it. A table of
// two columns is names and what they mean.
func textTable(b *strings.Builder, bl block, width int) {
	short := len(bl.heads) - 1
	first := 0
	for _, row := range bl.rows {
		first = max(first, runewidth.StringWidth(plain(row[0])))
	}
	for _, row := range bl.rows {
		if short == 1 {
			wrap(b, runewidth.FillRight("  "+plain(row[0]), first+4), strings.Repeat(" ", first+4), plain(row[1]), width)
			continue
		}
		line := plain(row[0]) + " (" + plain(row[1])
		for i := 2; i < short; i++ {
			if row[i] != "" {
				line += "; " + strings.ToLower(bl.heads[i][:1]) + bl.heads[i][1:] + ": " + plain(row[i])
			}
		}
		line += ")"
		wrap(b, "  ", "    ", line, width)
		wrap(b, "      ", "      ", plain(row[short]), width)
	}
}

var link = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)

// plain takes the marks of Markdown out of a text.
func plain(text string) string {
	return strings.ReplaceAll(link.ReplaceAllString(text, "docs/$1"), "`", "")
}

// wrap writes a text in lines of a width: first stands in front of the first line, others in front of the
// others. A word that is wider than a line has one to itself.
func wrap(b *strings.Builder, first, others, text string, width int) {
	line, empty := first, true
	for _, word := range strings.Fields(text) {
		switch {
		case empty:
			line += word
		case runewidth.StringWidth(line)+1+runewidth.StringWidth(word) <= width:
			line += " " + word
		default:
			fmt.Fprintln(b, line)
			line = others + word
		}
		empty = false
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
}

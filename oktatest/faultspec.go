package oktatest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ParseFaults reads faults in the notation of command lines: KIND[@NTH][xTIMES][:DELAY], separated by
// commas. NTH is the request at which the fault fires first, TIMES for how many it fires, * for good,
// and DELAY a duration such as 500ms; the meanings are those of Fault's fields, and so are the defaults.
// For example: rate-limited@3x2,stall@10,delay@1x*:200ms.
func ParseFaults(spec string) ([]Fault, error) {
	var list []Fault
	for one := range strings.SplitSeq(spec, ",") {
		f, err := parseFault(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

var faultSpec = regexp.MustCompile(`^([A-Za-z-]+?)(?:@([0-9]{1,9}))?(?:x([0-9]{1,9}|\*))?(?::(.+))?$`)

func parseFault(text string) (f Fault, err error) {
	m := faultSpec.FindStringSubmatch(text)
	if m == nil {
		return f, fmt.Errorf("oktatest: %q is no fault: write KIND[@NTH][xTIMES][:DELAY], such as rate-limited@3x2", text)
	}
	if f.Kind, err = ParseFaultKind(m[1]); err != nil {
		return f, err
	}
	if m[2] != "" {
		if f.At, _ = strconv.Atoi(m[2]); f.At < 1 {
			return f, fmt.Errorf("oktatest: %q: requests are counted from 1", text)
		}
	}
	switch m[3] {
	case "":
	case "*":
		f.Times = Forever
	default:
		if f.Times, _ = strconv.Atoi(m[3]); f.Times < 1 {
			return f, fmt.Errorf("oktatest: %q: a fault fires at least once", text)
		}
	}
	if m[4] != "" {
		if f.Delay, err = time.ParseDuration(m[4]); err != nil || f.Delay <= 0 {
			return f, fmt.Errorf("oktatest: %q: the delay is no duration above 0, such as 500ms", text)
		}
	}
	return f, nil
}

// String returns the fault in the notation of [ParseFaults], which has no place for Path and Next.
func (f Fault) String() string {
	b := append([]byte(f.Kind.String()), '@')
	b = strconv.AppendInt(b, int64(max(f.At, 1)), 10)
	switch {
	case f.Times < 0:
		b = append(b, "x*"...)
	case f.Times > 1:
		b = strconv.AppendInt(append(b, 'x'), int64(f.Times), 10)
	}
	if f.Delay > 0 {
		b = append(append(b, ':'), f.Delay.String()...)
	}
	return string(b)
}

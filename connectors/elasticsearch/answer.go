package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The parts of a bulk answer that are asked for. Decoding whole answers would cost more than everything else here.
var bulkFilter = []string{
	"took", "errors", "items.*.status", "items.*.error.type", "items.*.error.reason",
	"items.*.error.caused_by.type", "items.*.error.caused_by.reason",
}

// outcome is what became of one item. from and to are where its error stands in the answer; both are 0 without one.
type outcome struct {
	status   int
	from, to int
	verdict  verdict
}

// parseAnswer reads an answer to a bulk request of n items into outcomes, whose memory it uses. Items answer requests by
// their place, so an answer with another number of them says nothing about any.
func parseAnswer(body []byte, n int, outcomes []outcome) ([]outcome, error) {
	outcomes = outcomes[:0]
	var items bool
	end, err := walkFields(body, 0, func(name []byte, from int) (to int, stop bool, err error) {
		if string(name) != "items" || items {
			to, err = skipValue(body, from)
			return to, false, err
		}
		items = true
		outcomes, to, err = parseItems(body, from, n, outcomes)
		return to, false, err
	})
	switch {
	case err != nil:
		return outcomes, err
	case skipSpace(body, end) != len(body):
		return outcomes, errJSON
	case len(outcomes) != n:
		return outcomes, fmt.Errorf("%d items for the %d that were sent", len(outcomes), n)
	}
	return outcomes, nil
}

// parseItems reads the array of items that begins at i, and gives the index behind it.
func parseItems(body []byte, i, n int, outcomes []outcome) ([]outcome, int, error) {
	if i >= len(body) || body[i] != '[' {
		return outcomes, i, errJSON
	}
	i = skipSpace(body, i+1)
	if i < len(body) && body[i] == ']' {
		return outcomes, i + 1, nil
	}
	for {
		if len(outcomes) == n {
			return outcomes, i, fmt.Errorf("more than the %d items that were sent", n)
		}
		status, length := plainItem(body[i:])
		o, end := outcome{status: status}, i+length
		if status == 0 {
			var err error
			if end, err = skipValue(body, i); err != nil {
				return outcomes, i, err
			}
			if o, err = parseItem(body, i); err != nil {
				return outcomes, i, err
			}
		}
		outcomes = append(outcomes, o)
		if i = skipSpace(body, end); i >= len(body) {
			return outcomes, i, errJSON
		}
		switch body[i] {
		case ']':
			return outcomes, i + 1, nil
		case ',':
			if i = skipSpace(body, i+1); i < len(body) && body[i] == ']' {
				return outcomes, i, errJSON
			}
		default:
			return outcomes, i, errJSON
		}
	}
}

// plainItems are the items without an error up to their status, as Elasticsearch writes nearly all of them.
var plainItems = [...]string{`{"index":{"status":`, `{"create":{"status":`, `{"update":{"status":`, `{"delete":{"status":`}

// plainItem gives status and length of an item that has nothing else, {"index":{"status":201}}; 0 for any other.
func plainItem(b []byte) (status, length int) {
	for _, p := range plainItems {
		n := len(p)
		if len(b) < n+5 || string(b[:n]) != p {
			continue
		}
		if b[n+3] != '}' || b[n+4] != '}' {
			return 0, 0
		}
		return parseStatus(b[n : n+3]), n + 5
	}
	return 0, 0
}

// parseItem reads {"index":{"status":201,"error":{…}}}.
func parseItem(body []byte, i int) (o outcome, err error) {
	_, err = eachField(body, i, func(_ []byte, from, _ int) (bool, error) {
		_, err := eachField(body, from, func(name []byte, from, to int) (bool, error) {
			switch string(name) {
			case "status":
				o.status = parseStatus(body[from:to])
			case "error":
				o.from, o.to = from, to
			}
			return false, nil
		})
		return true, err
	})
	if err == nil && o.status == 0 {
		err = errors.New("an item without a status")
	}
	return o, err
}

// parseStatus reads an HTTP status; 0 for anything else.
func parseStatus(b []byte) int {
	if len(b) != 3 || b[0] < '1' || b[0] > '9' || b[1] < '0' || b[1] > '9' || b[2] < '0' || b[2] > '9' {
		return 0
	}
	return int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0')
}

// serverError is an error as Elasticsearch words it.
type serverError struct {
	Type     string       `json:"type"`
	Reason   string       `json:"reason"`
	CausedBy *serverError `json:"caused_by"`
}

// maxReason bounds what is quoted of a server's words.
const maxReason = 1000

// Error gives type, reason and the innermost cause.
func (e *serverError) Error() string {
	s := e.Type
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if c := e.CausedBy; c != nil && c.Type != "" && !strings.Contains(s, c.Reason) {
		s += "; caused by " + c.Error()
	}
	if len(s) > maxReason {
		s = cut(s, maxReason) + "…"
	}
	return s
}

// parseItemError reads the error of an item.
func parseItemError(raw []byte) *serverError {
	var e serverError
	if err := json.Unmarshal(raw, &e); err != nil || e.Type == "" {
		return &serverError{Type: "unknown_error", Reason: string(raw[:min(len(raw), maxReason)])}
	}
	return &e
}

// parseRequestError reads the body of an answer that refuses the whole request. Proxies answer with anything.
func parseRequestError(body []byte) *serverError {
	var whole struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &whole) == nil && len(whole.Error) > 0 {
		var e serverError
		if json.Unmarshal(whole.Error, &e) == nil && e.Type != "" {
			return &e
		}
		var text string
		if json.Unmarshal(whole.Error, &text) == nil {
			return &serverError{Type: "error", Reason: text}
		}
	}
	return &serverError{Reason: strings.ToValidUTF8(string(body[:min(len(body), 200)]), "?")}
}

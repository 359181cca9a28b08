package elasticsearch

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// schema is a schema of Kafka Connect in the JSON form of its JsonConverter, which batches carry
// (https://github.com/apache/kafka/blob/4.3.1/connect/json/src/main/java/org/apache/kafka/connect/json/JsonSchema.java).
type schema struct {
	Type       string            `json:"type"`
	Optional   bool              `json:"optional"`
	Name       string            `json:"name"`
	Parameters map[string]string `json:"parameters"`
	Default    json.RawMessage   `json:"default"`
	Field      string            `json:"field"`  // name of the field that has this schema
	Fields     []*schema         `json:"fields"` // of a struct
	Items      *schema           `json:"items"`  // of an array
	Keys       *schema           `json:"keys"`   // of a map
	Values     *schema           `json:"values"` // of a map

	fields   map[string]*schema // by name
	scale    int                // of a decimal
	compact  bool               // a map that is written as an object
	fallback []byte             // what a document has where the value is null; nil: null
	same     bool               // values are documents as they are
}

// Logical types.
const (
	nameDecimal   = "org.apache.kafka.connect.data.Decimal"
	nameDate      = "org.apache.kafka.connect.data.Date"
	nameTime      = "org.apache.kafka.connect.data.Time"
	nameTimestamp = "org.apache.kafka.connect.data.Timestamp"
)

// Types that are treated in a way of their own.
const (
	typeString = "string"
	typeBytes  = "bytes"
	typeStruct = "struct"
	typeArray  = "array"
	typeMap    = "map"
)

// maxSchemaDepth bounds the nesting of schemas.
const maxSchemaDepth = 100

// parseSchema reads a schema; compact says whether maps with text as keys are written as objects.
func parseSchema(text []byte, compact bool) (*schema, error) {
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("unreadable schema: %w", err)
	}
	if err := s.prepare(compact, 0); err != nil {
		return nil, fmt.Errorf("unusable schema: %w", err)
	}
	return &s, nil
}

// prepare computes from the bottom up what documents are made with.
func (s *schema) prepare(compact bool, depth int) error {
	if depth > maxSchemaDepth {
		return fmt.Errorf("nested more than %d levels deep", maxSchemaDepth)
	}
	inner := s.Fields
	s.same = true
	switch {
	case s.Name == nameDecimal:
		inner, s.same = nil, false
		scale, err := strconv.Atoi(s.Parameters["scale"])
		if err != nil {
			return errors.New("a decimal without a scale")
		}
		s.scale = scale
	case s.Type == typeStruct:
		s.fields = make(map[string]*schema, len(s.Fields))
		for _, f := range s.Fields {
			if f == nil {
				return errors.New("a field without a schema")
			}
			s.fields[f.Field] = f
		}
	case s.Type == typeArray:
		inner = []*schema{s.Items}
	case s.Type == typeMap:
		inner = []*schema{s.Keys, s.Values}
		s.compact = compact && s.Keys != nil && s.Keys.Type == typeString
		s.same = s.compact
	}
	for _, f := range inner {
		if f == nil {
			return fmt.Errorf("an %s without a schema of what is in it", s.Type)
		}
		if err := f.prepare(compact, depth+1); err != nil {
			return err
		}
		s.same = s.same && f.same
	}
	if len(s.Default) == 0 || string(s.Default) == "null" {
		return nil
	}
	var err error
	if s.fallback, _, err = s.append(nil, s.Default, 0); err != nil {
		return fmt.Errorf("default of %s: %w", s.Field, err)
	}
	s.same = false
	return nil
}

// append adds to a document the value of this schema that begins at value[i], and gives the index behind it. The value is
// in the form of JsonConverter without its envelope. What changes is what Confluent's sink changes: decimals become
// numbers, null becomes the default, and maps that are not compact become arrays of objects with key and value.
func (s *schema) append(dst, value []byte, i int) ([]byte, int, error) {
	i = skipSpace(value, i)
	if i >= len(value) {
		return dst, i, errJSON
	}
	if value[i] == 'n' {
		end, err := skipValue(value, i)
		if s.fallback != nil {
			return append(dst, s.fallback...), end, err
		}
		return append(dst, value[i:end]...), end, err
	}
	switch {
	case s.same:
	case s.Name == nameDecimal && value[i] == '"':
		return s.appendDecimal(dst, value, i)
	case s.Type == typeStruct && value[i] == '{':
		return s.appendStruct(dst, value, i)
	case s.Type == typeArray && value[i] == '[':
		dst = append(dst, '[')
		n := len(dst)
		end, err := eachElement(value, i, func(from, _ int) (err error) {
			dst = separate(dst, n)
			dst, _, err = s.Items.append(dst, value, from)
			return err
		})
		return append(dst, ']'), end, err
	case s.Type == typeMap && (value[i] == '{' || value[i] == '['):
		return s.appendMap(dst, value, i)
	}
	end, err := skipValue(value, i)
	return append(dst, value[i:end]...), end, err
}

// separate adds a comma unless dst ends where it did at n.
func separate(dst []byte, n int) []byte {
	if len(dst) > n {
		return append(dst, ',')
	}
	return dst
}

func (s *schema) appendStruct(dst, value []byte, i int) ([]byte, int, error) {
	dst = append(dst, '{')
	n := len(dst)
	end, err := eachField(value, i, func(name []byte, from, to int) (stop bool, err error) {
		dst = separate(dst, n)
		dst = append(append(append(dst, '"'), name...), '"', ':')
		f := s.fields[string(name)]
		if f == nil && strings.IndexByte(string(name), '\\') >= 0 {
			var plain string
			if json.Unmarshal([]byte(`"`+string(name)+`"`), &plain) == nil {
				f = s.fields[plain]
			}
		}
		if f == nil {
			dst = append(dst, value[from:to]...)
			return false, nil
		}
		dst, _, err = f.append(dst, value, from)
		return false, err
	})
	return append(dst, '}'), end, err
}

// appendMap writes a map, which is an object where its keys are text and otherwise an array of pairs.
func (s *schema) appendMap(dst, value []byte, i int) ([]byte, int, error) {
	open, closed := byte('['), byte(']')
	if s.compact && value[i] == '{' {
		open, closed = '{', '}'
	}
	dst = append(dst, open)
	n := len(dst)
	if value[i] == '{' {
		end, err := eachField(value, i, func(name []byte, from, _ int) (stop bool, err error) {
			dst = separate(dst, n)
			if s.compact {
				dst = append(append(append(dst, '"'), name...), '"', ':')
				dst, _, err = s.Values.append(dst, value, from)
				return false, err
			}
			dst = append(append(append(dst, `{"key":"`...), name...), `","value":`...)
			dst, _, err = s.Values.append(dst, value, from)
			dst = append(dst, '}')
			return false, err
		})
		return append(dst, closed), end, err
	}
	end, err := eachElement(value, i, func(from, _ int) error {
		dst = separate(dst, n)
		part := 0
		_, err := eachElement(value, from, func(from, _ int) (err error) {
			switch part {
			case 0:
				dst = append(dst, `{"key":`...)
				dst, _, err = s.Keys.append(dst, value, from)
			case 1:
				dst = append(dst, `,"value":`...)
				dst, _, err = s.Values.append(dst, value, from)
			default:
				err = errPair
			}
			part++
			return err
		})
		if err == nil && part != 2 {
			err = errPair
		}
		dst = append(dst, '}')
		return err
	})
	return append(dst, ']'), end, err
}

var errPair = errors.New("an entry of a map is no pair of key and value")

// appendDecimal writes a decimal, Base64 of its unscaled value, as the nearest number of 64 bits.
func (s *schema) appendDecimal(dst, value []byte, i int) ([]byte, int, error) {
	end, err := skipString(value, i)
	if err != nil {
		return dst, i, err
	}
	f, err := s.decimal(value[i+1 : end-1])
	if err != nil {
		return dst, end, err
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64), end, nil
}

var errDecimal = errors.New("a decimal is no Base64 of a number that 64 bits can hold")

func (s *schema) decimal(text []byte) (float64, error) {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(raw, text)
	if err != nil || n == 0 {
		return 0, errDecimal
	}
	unscaled := new(big.Int).SetBytes(raw[:n])
	if raw[0] >= 0x80 { // two's complement
		unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*n)))
	}
	f, err := strconv.ParseFloat(unscaled.String()+"e"+strconv.Itoa(-s.scale), 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, errDecimal
	}
	return f, nil
}

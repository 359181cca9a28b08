package encode

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// mismatch says that a value is not what its schema asks for.
func (d *document) mismatch(n int, want string) error {
	return fmt.Errorf("%s where %s was expected", d.nodes[n].token, want)
}

// intOf is the value of a node for one of the integer kinds.
func (d *document) intOf(n int, k kind) (int64, error) {
	if t := d.nodes[n].token; t != isInt && t != isNumber {
		return 0, d.mismatch(n, "an "+k.String())
	}
	v, err := d.int(n)
	if err != nil {
		return 0, err
	}
	bits := 64
	switch k {
	case int8Kind:
		bits = 8
	case int16Kind:
		bits = 16
	case int32Kind:
		bits = 32
	default:
	}
	if v < -1<<(bits-1) || v > 1<<(bits-1)-1 {
		return 0, fmt.Errorf("%d is no %s", v, k)
	}
	return v, nil
}

// floatOf is the value of a node as a float; what no number can say is a text, as Kafka Connect writes it.
func (d *document) floatOf(n, bits int) (float64, error) {
	switch d.nodes[n].token {
	case isInt, isNumber:
		v, err := strconv.ParseFloat(unsafeString(d.source(n)), bits)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("%s is no number", clip(d.source(n)))
		}
		return v, nil // infinite where it is out of range, as it is for Java
	case isText:
		switch string(d.string(n)) {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
	default:
	}
	return 0, d.mismatch(n, "a number")
}

func (d *document) boolOf(n int) (bool, error) {
	if d.nodes[n].token != isBool {
		return false, d.mismatch(n, "a boolean")
	}
	return d.src[d.nodes[n].start] == 't', nil
}

// textOf is the value of a node as a text in UTF-8.
func (d *document) textOf(n int) ([]byte, error) {
	if d.nodes[n].token != isText {
		return nil, d.mismatch(n, "a string")
	}
	s := d.string(n)
	if !utf8.Valid(s) {
		return nil, errors.New("a string is no valid UTF-8")
	}
	return s, nil
}

// bytesOf is the value of a node as bytes, which JSON has in base64. It is valid until the next document.
func (d *document) bytesOf(n int) ([]byte, error) {
	switch d.nodes[n].token {
	case isBytes:
		return d.source(n), nil
	case isText:
		start := len(d.scratch)
		buf, err := base64.StdEncoding.AppendDecode(d.scratch, d.string(n))
		if err != nil {
			return nil, errors.New("a string that stands for bytes is no base64")
		}
		d.scratch = buf
		return buf[start:len(buf):len(buf)], nil
	default:
		return nil, d.mismatch(n, "a string in base64")
	}
}

// decimalOf is the unscaled value of a decimal in two's complement, the most significant byte first. JSON has it in base64,
// or as a number.
func (d *document) decimalOf(n, scale int) ([]byte, error) {
	if t := d.nodes[n].token; t != isInt && t != isNumber {
		b, err := d.bytesOf(n)
		if err == nil && len(b) == 0 {
			err = errors.New("a decimal has no digits")
		}
		return b, err
	}
	const most = 10_000 // digits; an exponent must not make a small text large
	r, ok := new(big.Rat), false
	if s := d.source(n); len(s) < most && shortExponent(s) {
		r, ok = r.SetString(string(s))
	}
	if !ok || scale > most || scale < -most {
		return nil, fmt.Errorf("%s is no decimal", clip(d.source(n)))
	}
	factor := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil))
	if scale < 0 {
		factor.Inv(factor)
	}
	if r.Mul(r, factor); !r.IsInt() {
		return nil, fmt.Errorf("%s has more than %d digits behind the point", clip(d.source(n)), scale)
	}
	return twosComplement(r.Num()), nil
}

// shortExponent says that an exponent has no more than three digits.
func shortExponent(s []byte) bool {
	i := slices.IndexFunc(s, func(c byte) bool { return c == 'e' || c == 'E' })
	return i < 0 || len(s)-i <= len("e+999")
}

// twosComplement gives the shortest form, as Java's BigInteger does.
func twosComplement(v *big.Int) []byte {
	if v.Sign() >= 0 {
		b := v.Bytes()
		if len(b) == 0 || b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	n := len(new(big.Int).Not(v).Bytes()) + 1
	b := new(big.Int).Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*n))).Bytes()
	for len(b) > 1 && b[0] == 0xff && b[1] >= 0x80 {
		b = b[1:]
	}
	return b
}

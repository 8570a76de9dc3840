package resource

import (
	"math"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// defaultNear is how far, in kilometres, is near when a search does not say so;
// R4 leaves it to the server.
const defaultNear = 10.0

// near reads latitude|longitude|distance|unit of a Location.
// https://hl7.org/fhir/R4/location.html#search
func (p *parser) near(d *Parameter, key, modifier string, values []string) error {
	if modifier != "" {
		return unsupported(key, d.Kind, ":missing is")
	}
	var any []func(*element.Value) bool
	for _, v := range values {
		parts := strings.Split(v, "|")
		bad := malformed(key, "latitude|longitude|distance|unit is expected, in km or [mi_i]")
		if len(parts) < 2 || len(parts) > 4 {
			return bad
		}
		numbers := [3]float64{2: defaultNear}
		for i, s := range parts[:min(len(parts), 3)] {
			n, _, ok := number(s)
			if s == "" && i == 2 {
				continue
			}
			if !ok || i == 2 && n < 0 {
				return bad
			}
			numbers[i] = n
		}
		if len(parts) == 4 {
			switch parts[3] {
			case "km", "":
			case "m":
				numbers[2] /= 1000
			case "[mi_i]", "[mi_us]", "mi":
				numbers[2] *= 1.609344
			default:
				return bad
			}
		}
		if math.Abs(numbers[0]) > 90 || math.Abs(numbers[1]) > 180 {
			return bad
		}
		any = append(any, func(x *element.Value) bool {
			lat, err1 := strconv.ParseFloat(textOf(x.Get("latitude")), 64)
			lon, err2 := strconv.ParseFloat(textOf(x.Get("longitude")), 64)
			return err1 == nil && err2 == nil && kilometres(numbers[0], numbers[1], lat, lon) <= numbers[2]
		})
	}
	p.anyValue(d, any)
	return nil
}

func textOf(v *element.Value) string {
	if v == nil {
		return ""
	}
	return v.Text
}

// kilometres is the distance over a sphere of the Earth's mean radius.
func kilometres(lat1, lon1, lat2, lon2 float64) float64 {
	const degree = math.Pi / 180
	a := math.Pow(math.Sin((lat2-lat1)*degree/2), 2) +
		math.Cos(lat1*degree)*math.Cos(lat2*degree)*math.Pow(math.Sin((lon2-lon1)*degree/2), 2)
	return 2 * 6371.0088 * math.Asin(math.Sqrt(min(a, 1)))
}

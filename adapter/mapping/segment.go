package mapping

import "maps"

// segmentFields is the number of fields of the segments that referral
// messages use, the highest of HL7 v2.3 to v2.9, so that PID-99 is found when
// the mapping is loaded. Segments not listed, Z segments above all, may have
// any field.
var segmentFields = map[string]int{
	"ACC": 13, "AIG": 14, "AIL": 12, "AIP": 12, "AIS": 12, "AL1": 6, "ARV": 7, "AUT": 30,
	"BHS": 14, "BTS": 3, "CON": 28, "CTD": 8, "DB1": 8, "DG1": 26, "DRG": 33, "ERR": 12,
	"EVN": 7, "FHS": 14, "FTS": 2, "GT1": 57, "IAM": 30, "IN1": 55, "IN2": 72, "IN3": 28,
	"MRG": 7, "MSA": 8, "MSH": 25, "NK1": 41, "NTE": 9, "OBR": 55, "OBX": 33, "ORC": 38,
	"PD1": 23, "PDA": 9, "PID": 40, "PR1": 25, "PRD": 15, "PRT": 27, "PV1": 54, "PV2": 50,
	"RF1": 24, "ROL": 15, "SFT": 6, "TXA": 28, "UAC": 2,
}

// checkSegment reports a path into a field that its segment does not have,
// and a path that names no field where a value is wanted.
func (c *compiler) checkSegment(at position, s *source) {
	name, field := s.path.Segment()
	if name == "" {
		return
	}
	highest, known := segmentFields[name]
	if !known && name[0] != 'Z' {
		names := make([]string, 0, len(segmentFields))
		for n := range maps.Keys(segmentFields) {
			names = append(names, n)
		}
		if hint := nearest(name, names); hint != "" {
			c.problem(at, hint, "%s is not a segment of HL7 v2 referral messages", name)
		}
		return
	}
	if known && field > highest {
		c.problem(at, "", "%s has no field %d; its last is %s-%d", name, field, name, highest)
	}
}

package mapping

import (
	"maps"
	"slices"
	"strings"
)

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

// otherSegments are the rest of the standard's segments; their fields are not
// checked.
const otherSegments = "ABS ADD ADJ AFF APR BLC BLG BPO BPX BTX BUI CDM CDO CER CM0 CM1 CM2 CNS CSP CSR CSS CTI DEV " +
	"DMI DON DSC DSP DST ECD ECR EDU EQP EQU FAC FT1 GOL GP1 GP2 IAR IIM ILT INV IPC IPR ISD ITM IVC IVT LAN LCC LCH " +
	"LDP LOC LRL MCP MFA MFE MFI NCK NDS NPU NSC NST OH1 OH2 OH3 OH4 OM1 OM2 OM3 OM4 OM5 OM6 OM7 ORG OVR PAC PCE PCR " +
	"PDC PEO PES PKG PM1 PMT PRA PRB PRC PSG PSH PSL PSS PTH PYE QAK QID QPD QRD QRF QRI RCP RDF RDT REL RFI RGS RMI " +
	"RQ1 RQD RXA RXC RXD RXE RXG RXO RXR RXV SAC SCD SCH SCP SDD SGH SGT SHP SID SLT SPM STF STZ TCC TCD TQ1 TQ2 UB1 " +
	"UB2 URD URS VAR VND"

// checkSegment reports a path into a field that its segment does not have,
// and a path that names no field where a value is wanted.
func (c *compiler) checkSegment(at position, s *source) {
	name, field := s.path.Segment()
	if name == "" {
		return
	}
	highest, known := segmentFields[name]
	if !known && name[0] != 'Z' {
		hint := nearest(name, slices.Collect(maps.Keys(segmentFields)))
		if hint != "" && !strings.Contains(otherSegments, name) {
			c.problem(at, hint, "%s is not a segment of HL7 v2", name)
		}
		return
	}
	if known && field > highest {
		c.problem(at, "", "%s has no field %d; its last is %s-%d", name, field, name, highest)
	}
}

package letter

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// node is an element of the structure tree: its type, its children, and the
// marked content that it consists of.
type node struct {
	tag   string
	attrs string // further entries of its dictionary
	kids  []*node
	marks []mark
}

// mark is marked content by page and its id there.
type mark struct{ page, id int }

// add appends a child.
func (n *node) add(tag string) *node {
	k := &node{tag: tag}
	n.kids = append(n.kids, k)
	return k
}

// cell is the i-th child, made when it is not there.
func (n *node) cell(i int, tag, attrs string) *node {
	for len(n.kids) <= i {
		k := n.add(tag)
		k.attrs = attrs
	}
	return n.kids[i]
}

// What the PDF library writes, in order: pages, then the catalog, then the
// trailer. https://opensource.adobe.com/dc-acrobat-sdk-docs/standards/pdfstandards/pdf/PDF32000_2008.pdf
var (
	pageObject = regexp.MustCompile(`(?m)^(\d+) 0 obj\n<</Type /Page\n`)
	catalog    = regexp.MustCompile(`(?m)^(\d+) 0 obj\n<<\n/Type /Catalog\n`)
	trailer    = regexp.MustCompile(`trailer\n<<\n/Size (\d+)\n/Root (\d+) 0 R\n/Info (\d+) 0 R\n`)
	startxref  = regexp.MustCompile(`startxref\n(\d+)\n%%EOF`)
)

// tagged appends the structure tree as an incremental update (ISO 32000-1,
// 7.5.6): new objects for the tree, and newer versions of the pages and of the
// catalog that point to it. The library has no tags of its own.
func tagged(pdf []byte, root *node) ([]byte, error) {
	end, start := trailer.FindSubmatch(pdf), startxref.FindSubmatch(pdf)
	cat, pages := catalog.FindSubmatchIndex(pdf), pageObject.FindAllSubmatchIndex(pdf, -1)
	if end == nil || start == nil || cat == nil || len(pages) == 0 {
		return nil, errors.New("letter: the PDF library writes in another way than is expected; no structure tree can be added")
	}
	u := &update{out: bytes.NewBuffer(pdf), next: number(end[1])}
	u.out.WriteByte('\n')
	for _, p := range pages {
		u.pages = append(u.pages, number(pdf[p[2]:p[3]]))
		u.parents = append(u.parents, nil)
	}
	tree := u.reserve()
	top := u.element(root, tree)
	parents := u.reserve()
	var nums strings.Builder
	for i, refs := range u.parents {
		fmt.Fprintf(&nums, "%d [%s] ", i, strings.Join(refs, " "))
	}
	u.write(parents, fmt.Sprintf("<</Nums [%s]>>", nums.String()))
	u.write(tree, fmt.Sprintf("<</Type /StructTreeRoot /K %d 0 R /ParentTree %d 0 R /ParentTreeNextKey %d>>", top, parents, len(pages)))
	for i, p := range pages {
		u.again(pdf, p, fmt.Sprintf("/StructParents %d\n/Tabs /S\n", i))
	}
	u.again(pdf, cat, fmt.Sprintf("/MarkInfo <</Marked true>>\n/StructTreeRoot %d 0 R\n/Lang (en-GB)\n/ViewerPreferences <</DisplayDocTitle true>>\n", tree))
	return u.finish(string(end[2]), string(end[3]), string(start[1])), nil
}

func number(b []byte) int {
	n, err := strconv.Atoi(string(b))
	if err != nil {
		return 0
	}
	return n
}

// update is what is appended.
type update struct {
	out     *bytes.Buffer
	next    int        // number of the next new object
	offsets []object   // what was written, in order
	pages   []int      // object numbers
	parents [][]string // for each page and mark the element it belongs to
}

type object struct{ number, offset int }

func (u *update) reserve() int {
	u.next++
	return u.next - 1
}

func (u *update) write(number int, text string) {
	u.offsets = append(u.offsets, object{number, u.out.Len()})
	fmt.Fprintf(u.out, "%d 0 obj\n%s\nendobj\n", number, text)
}

// again writes a newer version of a dictionary with more entries. at are the
// places that pageObject and catalog found.
func (u *update) again(pdf []byte, at []int, entries string) {
	end := bytes.Index(pdf[at[0]:], []byte("\nendobj"))
	text := string(pdf[at[1] : at[0]+end])
	head := string(pdf[at[3]+len(" 0 obj\n") : at[1]])
	u.write(number(pdf[at[2]:at[3]]), head+entries+text)
}

// element writes a node and what is below it, and returns its number.
func (u *update) element(n *node, parent int) int {
	own := u.reserve()
	var kids []string
	for _, m := range n.marks {
		kids = append(kids, fmt.Sprintf("<</Type /MCR /Pg %d 0 R /MCID %d>>", u.pages[m.page], m.id))
		for len(u.parents[m.page]) <= m.id {
			u.parents[m.page] = append(u.parents[m.page], "null")
		}
		u.parents[m.page][m.id] = fmt.Sprintf("%d 0 R", own)
	}
	for _, k := range n.kids {
		kids = append(kids, fmt.Sprintf("%d 0 R", u.element(k, own)))
	}
	u.write(own, fmt.Sprintf("<</Type /StructElem /S /%s /P %d 0 R %s /K [%s]>>", n.tag, parent, n.attrs, strings.Join(kids, " ")))
	return own
}

// finish writes the cross-reference section of the update and its trailer.
func (u *update) finish(root, info, previous string) []byte {
	at := u.out.Len()
	u.out.WriteString("xref\n")
	for _, o := range u.offsets {
		fmt.Fprintf(u.out, "%d 1\n%010d 00000 n \n", o.number, o.offset)
	}
	fmt.Fprintf(u.out, "trailer\n<<\n/Size %d\n/Root %s 0 R\n/Info %s 0 R\n/Prev %s\n>>\nstartxref\n%d\n%%%%EOF\n", u.next, root, info, previous, at)
	return u.out.Bytes()
}

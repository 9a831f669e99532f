package oktatest

import "strings"

// A name is a first or last name, as written and as it appears in a login.
type name struct {
	text  string
	ascii string // lower case, letters a to z only
	plain string // lower case, letters as in text, no spaces
}

func parseNames(list string) []name {
	var out []name
	for word := range strings.SplitSeq(list, ",") {
		text, ascii, given := strings.Cut(strings.TrimSpace(word), "|")
		if !given {
			ascii = strings.ToLower(text)
		}
		plain := strings.ToLower(strings.ReplaceAll(text, " ", ""))
		out = append(out, name{text: text, ascii: ascii, plain: plain})
	}
	return out
}

// A culture is names that go together.
type culture struct {
	first, last []name
	lastFirst   bool // the display name is the last name and the first, without a space
}

// cultures are drawn from by weight: the first three of every four users come from the first.
var cultures = [...]culture{
	{first: parseNames(`James, Mary, Robert, Patricia, John, Jennifer, Michael, Linda, David, Elizabeth, William, Barbara,
		Richard, Susan, Joseph, Jessica, Thomas, Sarah, Christopher, Karen, Charles, Lisa, Daniel, Nancy, Matthew, Sandra,
		Anthony, Ashley, Mark, Emily, Priya, Arjun, Fatima, Omar, Aisha, Kwame, Ngozi, Thandiwe, Isabella, Sofia, Mateo,
		Valentina, Lucas, Emma, Noah, Olivia, Liam, Mia, Hugo, Chloe, Lena, Jonas, Anneliese, Dirk, Femke, Sanne,
		Ingrid, Lars, Astrid, Freya, Giulia, Marco, Chiara, Mary-Jane|maryjane, Jean-Luc|jeanluc, Anne-Marie|annemarie`),
		last: parseNames(`Smith, Johnson, Williams, Brown, Jones, Miller, Davis, Wilson, Anderson, Taylor, Moore, Jackson,
		Martin, Lee, Thompson, White, Harris, Clark, Lewis, Robinson, Walker, Hall, Allen, Young, King, Wright, Hill, Scott,
		Green, Adams, Baker, Nelson, Carter, Mitchell, Roberts, Turner, Phillips, Campbell, Parker, Evans, Edwards, Collins,
		Stewart, Morris, Murphy, Cook, Rogers, Morgan, Cooper, Reed, Bailey, Kelly, Howard, Patel, Sharma, Khan, Okafor,
		Mensah, Dlamini, Rossi, Bianchi, Schmidt, Weber, Fischer, Jansen, de Vries|devries, van den Berg|vandenberg,
		O'Brien|obrien, O'Connor|oconnor, D'Angelo|dangelo, Smith-Jones|smithjones, Garcia-Lopez|garcialopez, McDonald, MacLeod`)},
	{first: parseNames(`José|jose, María|maria, Íñigo|inigo, Begoña|begona, Andrés|andres, Sofía|sofia, Łukasz|lukasz,
		Małgorzata|malgorzata, Zbyszek, Grażyna|grazyna, Björn|bjorn, Søren|soren, Åsa|asa, Jürgen|jurgen, Käthe|kathe,
		François|francois, Zoë|zoe, Hélène|helene, Noël|noel, Čeněk|cenek, Jiří|jiri, Şule|sule, Gökhan|gokhan,
		İlker|ilker, Nguyễn|nguyen, Thảo|thao, João|joao, Conceição|conceicao, Óscar|oscar`),
		last: parseNames(`Núñez|nunez, Muñoz|munoz, García|garcia, Peña|pena, Wałęsa|walesa, Łuczak|luczak, Żółkiewski|zolkiewski,
		Dąbrowska|dabrowska, Müller|muller, Schröder|schroder, Größe|grosse, Sjöberg|sjoberg, Ångström|angstrom,
		Sørensen|sorensen, Lefèvre|lefevre, Brontë|bronte, Dvořák|dvorak, Svobodová|svobodova, Yılmaz|yilmaz, Öztürk|ozturk,
		Trần|tran, Phạm|pham, Conceição|conceicao, São João|saojoao, Ó Briain|obriain, de la Peña|delapena`)},
	{first: parseNames(`伟|wei, 芳|fang, 秀英|xiuying, 敏|min, 丽|li, 健太|kenta, 美咲|misaki, 陽子|yoko, 大輔|daisuke,
		민준|minjun, 서연|seoyeon, 지우|jiwoo`),
		last:      parseNames(`王|wang, 李|li, 张|zhang, 刘|liu, 陈|chen, 佐藤|sato, 鈴木|suzuki, 高橋|takahashi, 김|kim, 이|lee, 박|park`),
		lastFirst: true},
	{first: parseNames(`Анна|anna, Дмитрий|dmitry, Ольга|olga, Сергей|sergey, Ελένη|eleni, Γιώργος|giorgos`),
		last: parseNames(`Иванова|ivanova, Петров|petrov, Шевченко|shevchenko, Παπαδόπουλος|papadopoulos, Νικολάου|nikolaou`)},
}

// A place is where people work.
type place struct {
	city, state, zip, country, street, locale, language, timezone, dial string
	slug                                                                string // the city in a mailbox's name
}

var places = [...]place{
	{"San Francisco", "CA", "94107", "US", "Brannan Street", "en_US", "en-US", "America/Los_Angeles", "+1 415 555 ", "sf"},
	{"New York", "NY", "10001", "US", "West 30th Street", "en_US", "en-US", "America/New_York", "+1 212 555 ", "nyc"},
	{"Boston", "MA", "02110", "US", "Federal Street", "en_US", "en-US", "America/New_York", "+1 617 555 ", "boston"},
	{"Austin", "TX", "78701", "US", "Congress Avenue", "en_US", "en-US", "America/Chicago", "+1 512 555 ", "austin"},
	{"Chicago", "IL", "60606", "US", "South Wacker Drive", "en_US", "en-US", "America/Chicago", "+1 312 555 ", "chicago"},
	{"Coeur d'Alene", "ID", "83814", "US", "Sherman Avenue", "en_US", "en-US", "America/Los_Angeles", "+1 208 555 ", "cda"},
	{"Toronto", "ON", "M5H 2N2", "CA", "Bay Street", "en_CA", "en-CA", "America/Toronto", "+1 416 555 ", "toronto"},
	{"Montréal", "QC", "H3B 1A7", "CA", "Rue Sainte-Catherine", "fr_CA", "fr-CA", "America/Toronto", "+1 514 555 ", "montreal"},
	{"London", "", "EC2A 4NE", "GB", "Great Eastern Street", "en_GB", "en-GB", "Europe/London", "+44 20 7946 ", "london"},
	{"Dublin", "", "D02 X285", "IE", "Pearse Street", "en_IE", "en-IE", "Europe/Dublin", "+353 20 910 ", "dublin"},
	{"Paris", "", "75002", "FR", "Rue Réaumur", "fr_FR", "fr", "Europe/Paris", "+33 1 99 00 ", "paris"},
	{"München", "Bayern", "80331", "DE", "Sendlinger Straße", "de_DE", "de", "Europe/Berlin", "+49 89 99998 ", "muenchen"},
	{"Berlin", "", "10117", "DE", "Friedrichstraße", "de_DE", "de", "Europe/Berlin", "+49 30 23125 ", "berlin"},
	{"Zürich", "ZH", "8001", "CH", "Bahnhofstrasse", "de_CH", "de-CH", "Europe/Zurich", "+41 44 555 ", "zuerich"},
	{"Kraków", "", "31-027", "PL", "ul. Świętego Tomasza", "pl_PL", "pl", "Europe/Warsaw", "+48 12 555 ", "krakow"},
	{"Madrid", "", "28013", "ES", "Calle Mayor", "es_ES", "es", "Europe/Madrid", "+34 91 555 ", "madrid"},
	{"La Coruña", "Galicia", "15001", "ES", "Calle Real", "es_ES", "gl", "Europe/Madrid", "+34 981 555 ", "coruna"},
	{"São Paulo", "SP", "01310-100", "BR", "Avenida Paulista", "pt_BR", "pt-BR", "America/Sao_Paulo", "+55 11 5555 ", "saopaulo"},
	{"Bengaluru", "KA", "560001", "IN", "MG Road", "en_IN", "en-IN", "Asia/Kolkata", "+91 80 5555 ", "blr"},
	{"Singapore", "", "018956", "SG", "Marina Boulevard", "en_SG", "en-SG", "Asia/Singapore", "+65 6555 ", "sg"},
	{"東京", "東京都", "100-0005", "JP", "丸の内", "ja_JP", "ja", "Asia/Tokyo", "+81 3 5555 ", "tokyo"},
	{"Sydney", "NSW", "2000", "AU", "George Street", "en_AU", "en-AU", "Australia/Sydney", "+61 2 5550 ", "sydney"},
	{"Lagos", "", "101241", "NG", "Broad Street", "en_NG", "en-NG", "Africa/Lagos", "+234 1 555 ", "lagos"},
	{"Saint John's", "NL", "A1C 1A1", "CA", "Water Street", "en_CA", "en-CA", "America/St_Johns", "+1 709 555 ", "stjohns"},
}

// A department with its division, cost center and the titles in it.
type department struct {
	name, division, costCenter string
	titles                     []string
}

var departments = [...]department{
	{"Engineering", "Technology", "0110", []string{"Software Engineer", "Senior Software Engineer", "Staff Engineer", "Engineering Manager", "QA Engineer", "Site Reliability Engineer"}},
	{"Sales", "Revenue", "0210", []string{"Account Executive", "Sales Development Representative", "Sales Engineer", "Regional Sales Director"}},
	{"Customer Support", "Revenue", "0220", []string{"Support Engineer", "Support Specialist", "Team Lead, Support"}},
	{"Marketing", "Revenue", "0230", []string{"Content Strategist", "Product Marketing Manager", "Events Coordinator"}},
	{"Finance", "Corporate", "0310", []string{"Accountant", "Financial Analyst", "Controller", "Payroll Specialist"}},
	{"Human Resources", "Corporate", "0320", []string{"HR Business Partner", "Recruiter", "People Operations Specialist"}},
	{"Legal", "Corporate", "0330", []string{"Counsel", "Paralegal", "Privacy Officer"}},
	{"IT", "Technology", "0120", []string{"Systems Administrator", "Identity Engineer", "Help Desk Technician", "Network Engineer"}},
	{"Information Security", "Technology", "0130", []string{"Security Analyst", "Security Engineer", "GRC Analyst"}},
	{"Product", "Technology", "0140", []string{"Product Manager", "UX Designer", "UX Researcher"}},
	{"Operations", "Operations", "0410", []string{"Operations Analyst", "Logistics Coordinator", "Warehouse Associate", "Shift Supervisor"}},
	{"R&D", "Technology", "0150", []string{"Research Scientist", "Lab Technician", `Research Fellow ("Distinguished")`}},
	{"Facilities", "Operations", "0420", []string{"Facilities Manager", "Receptionist", "Electrician"}},
	{"Executive", "Corporate", "0001", []string{"Chief of Staff", "Vice President", "Executive Assistant"}},
}

var (
	organizations = [...]string{"Acme Corporation", "Acme Europe GmbH", "Acme Labs", "Acme (Asia-Pacific) Pte. Ltd.", "Acme & Sons"}
	prefixes      = [...]string{"Dr.", "Mr.", "Ms.", "Mx.", "Prof."}
	suffixes      = [...]string{"Jr.", "III", "PhD", "MD"}
	questions     = [...]string{"Favourite tea?", "What was the name of your first pet?", "In which street did you grow up?", "Who's your favorite hero?"}
	floors        = [...]string{"-2", "-1", "0", "1", "2", "3", "4", "5", "7", "10", "12", "21", "40"}
	workTimes     = [...]string{"1", "1", "1", "0.5", "0.8", "0.75", "0.2", "0.6"}

	projects = func() [][]value {
		var sets [][]value
		for line := range strings.SplitSeq("apollo;apollo,zephyr;zephyr;Zephyr,migration-2025;hermes,apollo,orion;orion;näif;migration-2025", ";") {
			var set []value
			for one := range strings.SplitSeq(line, ",") {
				set = append(set, value{kind: stringValue, text: one})
			}
			sets = append(sets, set)
		}
		return sets
	}()
)

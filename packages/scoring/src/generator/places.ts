/** The regions of the simulated country. Nothing here is a real place. */
export interface Region {
  readonly name: string;
  readonly lat: number;
  readonly lon: number;
  readonly cities: readonly string[];
}

export const REGIONS: readonly Region[] = [
  { name: "north", lat: 61.2, lon: 10.4, cities: ["Nordhaven", "Elmsted", "Ravnfjord"] },
  { name: "harbour", lat: 58.4, lon: 12.2, cities: ["Port Amaro", "Keelby", "Saltmarsh"] },
  { name: "valley", lat: 56.9, lon: 9.1, cities: ["Lindendale", "Millrace", "Oakford"] },
  { name: "capital", lat: 57.7, lon: 11.9, cities: ["Corvantis", "Highgate", "Eastmere"] },
  { name: "lakes", lat: 59.8, lon: 14.6, cities: ["Trois-Lacs", "Brückenau", "São Mateus"] },
  { name: "plains", lat: 55.3, lon: 13.7, cities: ["Weizenfeld", "Hayward", "Goldacre"] },
  { name: "islands", lat: 57.1, lon: 18.3, cities: ["Skerry", "Långö", "Tidewell"] },
  { name: "border", lat: 54.6, lon: 15.9, cities: ["Grenzach", "Farpost", "Stonebridge"] },
];

export const GIVEN_NAMES: readonly string[] = [
  "Ada",
  "Bram",
  "Chloé",
  "Dorian",
  "Elif",
  "Farid",
  "Greta",
  "Hugo",
  "Ines",
  "Jonas",
  "Kaya",
  "Lior",
  "Maya",
  "Nils",
  "Oona",
  "Pavel",
  "Quinn",
  "Rosa",
  "Sven",
  "Talia",
  "Uma",
  "Viktor",
  "Wanda",
  "Xenia",
  "Yusuf",
  "Zoë",
];

export const FAMILY_NAMES: readonly string[] = [
  "Arden",
  "Bergström",
  "Calder",
  "Dvorak",
  "Ellery",
  "Fontaine",
  "Grünwald",
  "Hartley",
  "Ivarsen",
  "Jansky",
  "Kessler",
  "Lindqvist",
  "Moreau",
  "Nakata",
  "Okafor",
  "Pereira",
  "Quill",
  "Rossi",
  "Sørensen",
  "Thorne",
  "Ullrich",
  "Vance",
  "Winter",
  "Yıldız",
  "Zeller",
];

import type { Random } from '../model/random.ts';
import { drawByWeight } from './sampling.ts';
import { BRANDS, CATEGORIES, LINES, STYLE_COLOURS, STYLES } from './words.ts';
import type { Category, Subcategory } from './words.ts';

export interface DemoItem {
  /** item-1, item-2, … */
  itemId: string;
  title: string;
  url: string;
  imageUrl: string;
  price: number;
  /** Category and sub-category. */
  categories: string[];
  attributes: Record<string, string | number | boolean>;
  available: boolean;
  publishedAtMs: number | null;
}

/** What decides who likes an item, one entry per item, by index (item-1 is 0). */
export interface ItemTraits {
  category: Uint8Array;
  /** items × MATCH_STRIDE, read at the MATCH_… offsets: what a shopper's match is computed from, side by side because it is read at random places. */
  match: Float32Array;
  price: Float32Array;
  /** How well the thing is made: moves ratings, not sales. */
  quality: Float32Array;
  /** Chance of being come across; 0: nobody ever does. */
  exposure: Float64Array;
  /** Index of an item that is often looked at after this one went into a basket. */
  companion: Int32Array;
}

export const MATCH_STRIDE = 8;
/** Numbered through all categories. */
export const MATCH_SUBCATEGORY = 0;
export const MATCH_STYLE = 1;
export const MATCH_BRAND = 2;
/** Where the item lies on two unnamed axes of taste, each standard normal. */
export const MATCH_X = 3;
export const MATCH_Y = 4;
/** Standard deviations of log price from the sub-category's median. */
export const MATCH_PRICE_LEVEL = 5;
/** Hour of publication, whole, from the start of the demo; 0 for everything that was there before. */
export const MATCH_PUBLISHED_HOUR = 6;

export interface Catalogue {
  items: DemoItem[];
  traits: ItemTraits;
}

const LOG_PRICE_SPREAD = 0.45;

const subcategoryBase: readonly number[] = CATEGORIES.map((_, c) => CATEGORIES.slice(0, c).reduce((sum, category) => sum + category.subcategories.length, 0));

export const SUBCATEGORY_COUNT = CATEGORIES.reduce((sum, category) => sum + category.subcategories.length, 0);

export function createCatalogue(count: number, startMs: number, days: number, random: Random): Catalogue {
  const traits = createTraits(count);
  const items: DemoItem[] = [];
  const titles = new Set<string>();
  const shares = CATEGORIES.map((category) => category.share);
  const exposure = drawExposure(count, random);

  for (let i = 0; i < count; i++) {
    // The first items go round the categories, so that none is empty in a catalogue large enough, and each of those was there from the start.
    const first = i < CATEGORIES.length;
    const c = first ? i : drawByWeight(shares, random);
    const category = CATEGORIES[c]!;
    const s = random.integer(category.subcategories.length);
    const subcategory = category.subcategories[s]!;
    const product = nameProduct(category, subcategory, titles, random);
    const quality = 0.6 * random.gaussian();
    const level = random.gaussian();
    const price = roundPrice(subcategory.medianPrice * Math.exp(LOG_PRICE_SPREAD * level));
    const published = drawPublished(first, days, random);

    traits.category[i] = c;
    traits.price[i] = price;
    traits.quality[i] = quality;
    const row = i * MATCH_STRIDE;
    traits.match[row + MATCH_SUBCATEGORY] = subcategoryBase[c]! + s;
    traits.match[row + MATCH_STYLE] = product.style;
    traits.match[row + MATCH_BRAND] = product.brand;
    traits.match[row + MATCH_X] = random.gaussian();
    traits.match[row + MATCH_Y] = random.gaussian();
    traits.match[row + MATCH_PRICE_LEVEL] = Math.log(price / subcategory.medianPrice) / LOG_PRICE_SPREAD;
    traits.match[row + MATCH_PUBLISHED_HOUR] = Math.max(0, published ?? 0) / 3600;
    traits.exposure[i] = exposure[i]!;
    items.push({
      itemId: `item-${i + 1}`,
      title: product.title,
      url: `https://shop.example/p/item-${i + 1}`,
      imageUrl: `https://shop.example/img/item-${i + 1}.jpg`,
      price,
      categories: [category.name, subcategory.name],
      attributes: {
        brand: BRANDS[product.brand]![0],
        color: product.colour,
        material: pick(subcategory.materials, random),
        weightGrams: Math.max(5, 5 * Math.round((subcategory.medianWeightGrams * Math.exp(0.3 * random.gaussian())) / 5)),
        recycled: random.uniform() < 0.2,
      },
      available: true,
      publishedAtMs: published === null ? null : startMs + published * 1000,
    });
  }
  withdrawSome(items, traits);
  chooseCompanions(traits, random);
  return { items, traits };
}

function createTraits(count: number): ItemTraits {
  return {
    category: new Uint8Array(count),
    match: new Float32Array(count * MATCH_STRIDE),
    price: new Float32Array(count),
    quality: new Float32Array(count),
    exposure: new Float64Array(count),
    companion: new Int32Array(count),
  };
}

/** Zipf–Mandelbrot over a random ranking: 1 / (rank + q), q growing with the square root of the catalogue so that the head never becomes a single item. */
function drawExposure(count: number, random: Random): Float64Array {
  const exposure = new Float64Array(count);
  const flat = 5 * Math.sqrt(count / 1000);
  for (let rank = 0; rank < count; rank++) exposure[rank] = 1 / (rank + flat);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const kept = exposure[i]!;
    exposure[i] = exposure[j]!;
    exposure[j] = kept;
  }
  return exposure;
}

/** One item in 200 is listed but never found; two that sold well are out of stock. Neither touches the first round of the categories. */
function withdrawSome(items: DemoItem[], traits: ItemTraits): void {
  const spare = items.length - CATEGORIES.length;
  if (spare < 20) return;
  const hidden = Math.ceil(items.length / 200);
  for (let k = 0; k < hidden; k++) traits.exposure[CATEGORIES.length + Math.floor(((k + 0.5) * spare) / hidden)] = 0;

  const tenth = traits.exposure.slice().sort()[Math.floor(items.length * 0.9)]!;
  let left = 2;
  for (let i = CATEGORIES.length; i < items.length && left > 0; i++) {
    if (traits.exposure[i]! < tenth || traits.match[i * MATCH_STRIDE + MATCH_PUBLISHED_HOUR]! > 0) continue;
    items[i]!.available = false;
    left--;
  }
}

/** Half of a companion's kind are of the same category (a stove for the tent), the others from anywhere. */
function chooseCompanions(traits: ItemTraits, random: Random): void {
  const count = traits.category.length;
  for (let i = 0; i < count; i++) {
    const sameCategory = random.uniform() < 0.5;
    traits.companion[i] = i;
    for (let attempt = 0; attempt < 40; attempt++) {
      const j = random.integer(count);
      if (j === i || traits.exposure[j] === 0 || (sameCategory && traits.category[j] !== traits.category[i])) continue;
      traits.companion[i] = j;
      break;
    }
  }
}

/** Seconds from the start, whole hours; negative for what was there before; null where the shop does not know. */
function drawPublished(old: boolean, days: number, random: Random): number | null {
  const kind = random.uniform();
  const when = random.uniform();
  if (!old && kind < 0.22) return Math.floor(when * (days - 0.5) * 24) * 3600;
  return kind > 0.96 ? null : -Math.ceil((when ** 1.5 * 1100 + 1) * 24) * 3600;
}

function nameProduct(category: Category, subcategory: Subcategory, titles: Set<string>, random: Random) {
  const [from, to] = category.brands;
  const brand = from + random.integer(to - from);
  const style = random.uniform() < 0.6 ? BRANDS[brand]![1] : random.integer(STYLES.length);
  for (let attempt = 0; ; attempt++) {
    const colours = STYLE_COLOURS[random.uniform() < 0.75 ? style : random.integer(STYLES.length)]!;
    const colour = pick(colours, random);
    const variant = subcategory.variants.length > 0 ? pick(subcategory.variants, random) : colour;
    const plain = `${BRANDS[brand]![0]} ${pick(LINES, random)} ${pick(subcategory.nouns, random)}, ${variant}`;
    // Only catalogues of millions run out of names; they get numbered editions.
    const title = attempt < 20 ? plain : `${plain}, Edition ${attempt - 18}`;
    if (titles.has(title)) continue;
    titles.add(title);
    return { title, brand, style, colour };
  }
}

/** x.50 or x.99, at least 1.50. */
function roundPrice(price: number): number {
  const whole = Math.max(1, Math.floor(price));
  return price - whole < 0.5 && price < 60 ? whole + 0.5 : whole + 0.99;
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random.integer(list.length)]!;
}

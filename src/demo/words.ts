/** The words the demo shop's products are made of. Brands are invented; prices are medians, weights grams. */

export const STYLES = ['rugged', 'minimal', 'classic', 'playful', 'technical', 'natural', 'urban', 'heritage'] as const;

/** Colours each style is mostly made in, in the order of STYLES. */
export const STYLE_COLOURS: readonly (readonly string[])[] = [
  ['Moss Green', 'Burnt Orange', 'Bracken', 'Dark Olive', 'Granite'],
  ['Chalk White', 'Stone Grey', 'Black', 'Fog', 'Pale Sand'],
  ['Navy', 'Burgundy', 'Forest Green', 'Ivory', 'Charcoal'],
  ['Sunflower', 'Coral', 'Turquoise', 'Lilac', 'Apple Green'],
  ['Graphite', 'Signal Red', 'Electric Blue', 'Lime', 'Black'],
  ['Oat', 'Clay', 'Sage', 'Undyed', 'Honey'],
  ['Black', 'Concrete', 'Petrol', 'Steel Blue', 'Rust'],
  ['Tan', 'Bottle Green', 'Oxblood', 'Mustard', 'Walnut'],
];

/** Each brand with the index of the style most of its products have. */
export const BRANDS: readonly (readonly [name: string, style: number])[] = [
  ['Northmoor', 0], ['Kestrel & Fell', 7], ['Tarnhaven', 2], ['Halvorsen Ridge', 4], ['Bergspan', 4], ['Pinehollow', 5], ['Wayfell', 0], ['Skarvig', 1],
  ['Ostrava Supply', 6], ['Little Badger', 3], ['Cairnworks', 0], ['Vellamo', 4], ['Driftline', 6], ['Marlpit', 5],
  ['Hearthside', 2], ['Loom & Lark', 5], ['Studio Vide', 1], ['Copperkettle', 7], ['Papaver', 3], ['Nordrum', 1], ['Ashcombe', 7], ['Quay Street', 6],
];

/** First names of product lines, shared by all categories. */
export const LINES: readonly string[] = [
  'Alder', 'Birch', 'Skerry', 'Fjord', 'Tarn', 'Heron', 'Lynx', 'Otter', 'Merlin', 'Plover', 'Solstice', 'Equinox', 'Aurora', 'Ember', 'Drift', 'Haven',
  'Summit', 'Basecamp', 'Meadow', 'Harbour', 'Willow', 'Rowan', 'Juniper', 'Thistle', 'Larch', 'Hazel', 'Sorrel', 'Clover', 'Bramble', 'Fern', 'Flint',
  'Slate', 'Quartz', 'Basalt', 'Amber', 'Cobble', 'Dune', 'Tundra', 'Delta', 'Estuary', 'Lagoon', 'Isla', 'Senja', 'Torne', 'Kaldi', 'Vesper', 'Orion',
  'Polaris', 'Lyra', 'Atlas', 'Harrow', 'Nomad', 'Ranger', 'Pilgrim', 'Drover', 'Crofter', 'Miller', 'Weaver', 'Sailor', 'Ferry', 'Cove', 'Beacon',
  'Gable', 'Orchard',
];

export interface Subcategory {
  name: string;
  medianPrice: number;
  medianWeightGrams: number;
  nouns: readonly string[];
  materials: readonly string[];
  /** What ends the title; where there are none, the colour does. */
  variants: readonly string[];
}

export interface Category {
  name: string;
  /** Share of the catalogue and of everybody's curiosity, relative to the others. */
  share: number;
  /** Fraction of the year at which demand is highest (0 = 1 January), and how far it swings: demand is multiplied by 1 ± swing. */
  peak: number;
  swing: number;
  /** First and one past the last index in BRANDS of the brands that make such things. */
  brands: readonly [from: number, to: number];
  subcategories: readonly Subcategory[];
}

function sub(name: string, medianPrice: number, medianWeightGrams: number, nouns: string, materials: string, variants?: string): Subcategory {
  return { name, medianPrice, medianWeightGrams, nouns: nouns.split('|'), materials: materials.split('|'), variants: variants?.split('|') ?? [] };
}

export const CATEGORIES: readonly Category[] = [
  {
    name: 'camping', share: 1.3, peak: 0.48, swing: 0.6, brands: [0, 12], subcategories: [
      sub('tents', 249, 3100, '2-Person Dome Tent|3-Person Tunnel Tent|1-Person Trekking Tent|Family Tent|Tarp Shelter', 'nylon|polyester|cotton canvas'),
      sub('sleeping bags', 139, 1300, 'Ultralight Sleeping Bag|3-Season Sleeping Bag|Summer Sleeping Bag|Winter Sleeping Bag|Sleeping Bag Liner', 'down|polyester|silk'),
      sub('sleeping mats', 69, 700, 'Inflatable Sleeping Mat|Self-Inflating Mat|Folding Mat|Insulated Sleeping Mat', 'polyester|recycled polyester|nylon'),
      sub('camp stoves', 59, 420, 'Gas Stove|Multi-Fuel Stove|Wood-Burning Stove|Stove Set|Spirit Burner', 'titanium|aluminium|stainless steel'),
      sub('lanterns', 39, 310, 'Camping Lantern|Solar Lantern|Candle Lantern|String Light', 'aluminium|glass'),
      sub('camp furniture', 64, 2200, 'Folding Chair|Camp Stool|Roll-Top Table|Camp Bed|Hammock', 'aluminium|beech|cotton canvas'),
    ],
  },
  {
    name: 'hiking', share: 1.4, peak: 0.58, swing: 0.4, brands: [0, 13], subcategories: [
      sub('backpacks', 119, 1200, '25 l Daypack|35 l Backpack|55 l Trekking Backpack|Rolltop Backpack|Hip Pack', 'nylon|cotton canvas|polyester'),
      sub('trekking poles', 79, 480, 'Trekking Poles|Folding Poles|Trail Running Poles|Walking Staff', 'carbon|aluminium|ash'),
      sub('water bottles', 24, 260, 'Water Bottle|Insulated Bottle|Soft Flask|Filter Bottle|1 l Canteen', 'stainless steel|tritan|titanium'),
      sub('head torches', 44, 95, 'Head Torch|Rechargeable Head Torch|Running Light|Hand Torch', 'aluminium|polycarbonate'),
      sub('navigation', 34, 70, 'Baseplate Compass|Mirror Compass|Pocket Compass|Sighting Compass', 'acrylic|brass'),
      sub('hiking socks', 18, 80, 'Hiking Socks|Liner Socks|Trekking Socks|Knee Socks', 'merino wool|polyamide'),
    ],
  },
  {
    name: 'footwear', share: 1.2, peak: 0.8, swing: 0.2, brands: [0, 14], subcategories: [
      sub('hiking boots', 169, 1150, 'Hiking Boots|Mid-Cut Boots|Mountain Boots|Winter Boots', 'full-grain leather|nubuck|nylon'),
      sub('trail shoes', 119, 640, 'Trail Running Shoes|Approach Shoes|Lightweight Trail Shoes', 'mesh|nylon'),
      sub('rain boots', 59, 1300, 'Rain Boots|Short Wellies|Lined Rain Boots|Chelsea Rain Boots', 'natural rubber|PVC'),
      sub('sandals', 69, 520, 'Trekking Sandals|City Sandals|River Sandals|Slides', 'leather|polyester'),
      sub('sneakers', 99, 720, 'Low-Top Sneakers|Court Sneakers|High-Top Sneakers|Slip-Ons', 'cotton canvas|leather|suede'),
      sub('slippers', 44, 380, 'Slippers|Hut Shoes|Slipper Boots|Clogs', 'wool felt|shearling|cork'),
    ],
  },
  {
    name: 'outerwear', share: 1.5, peak: 0.87, swing: 0.5, brands: [0, 14], subcategories: [
      sub('rain jackets', 159, 420, 'Rain Jacket|3-Layer Shell|Packable Rain Jacket|Rain Poncho|Waxed Jacket', 'polyester|waxed cotton|nylon'),
      sub('down jackets', 219, 460, 'Down Jacket|Hooded Down Jacket|Light Down Sweater|Down Coat', 'duck down|goose down|recycled down'),
      sub('fleece', 79, 380, 'Fleece Jacket|Half-Zip Fleece|Hooded Fleece|Sherpa Pullover', 'recycled polyester|wool'),
      sub('vests', 89, 290, 'Insulated Vest|Reversible Vest|Quilted Vest|Zip Vest', 'down|wool|polyester'),
      sub('base layers', 64, 190, 'Base Layer|Long-Sleeve Base Layer|Thermal Leggings|Base Layer T-Shirt', 'merino wool|polyester'),
      sub('hats and gloves', 32, 90, 'Beanie|Knitted Gloves|Sun Hat|Touchscreen Gloves|Neck Warmer|Cap', 'merino wool|cotton|fleece'),
    ],
  },
  {
    name: 'cycling', share: 1, peak: 0.42, swing: 0.45, brands: [3, 14], subcategories: [
      sub('bike helmets', 89, 320, 'City Helmet|Road Helmet|Mountain Bike Helmet|Kids Helmet', 'polycarbonate|ABS'),
      sub('bike lights', 39, 90, 'Front Light|Rear Light|Light Set|Dynamo Headlight', 'aluminium|polycarbonate'),
      sub('panniers', 94, 950, 'Pannier Bag|Handlebar Bag|Saddle Bag|Frame Bag|Top-Tube Bag', 'polyester|cotton canvas|nylon'),
      sub('cycling clothing', 79, 210, 'Jersey|Bib Shorts|Gilet|Rain Cape|Cycling Tights', 'merino wool|polyester'),
      sub('bike tools', 29, 240, 'Multi-Tool|Mini Pump|Floor Pump|Repair Kit|Tyre Levers', 'steel|aluminium'),
      sub('bike locks', 49, 1200, 'Folding Lock|U-Lock|Chain Lock|Cable Lock', 'hardened steel'),
    ],
  },
  {
    name: 'climbing', share: 0.7, peak: 0.55, swing: 0.3, brands: [2, 12], subcategories: [
      sub('harnesses', 69, 380, 'Climbing Harness|Alpine Harness|Adjustable Harness|Kids Harness', 'polyamide|polyester'),
      sub('ropes', 149, 3800, '60 m Single Rope|70 m Single Rope|Half Rope|Gym Rope|Accessory Cord', 'polyamide|aramid'),
      sub('carabiners', 16, 75, 'Screwgate Carabiner|Wiregate Carabiner|Quickdraw Set|HMS Carabiner', 'aluminium|steel'),
      sub('climbing shoes', 119, 460, 'Climbing Shoes|Bouldering Shoes|Velcro Climbing Shoes|Beginner Climbing Shoes', 'leather|microfibre'),
      sub('chalk bags', 22, 140, 'Chalk Bag|Boulder Bucket|Zip Chalk Bag|Brush Roll', 'cotton canvas|fleece|polyester'),
      sub('crash pads', 189, 5200, 'Crash Pad|Folding Crash Pad|Sit-Start Pad', 'foam|nylon'),
    ],
  },
  {
    name: 'winter sports', share: 0.9, peak: 0.99, swing: 0.9, brands: [0, 12], subcategories: [
      sub('skis', 389, 3200, 'Touring Skis|All-Mountain Skis|Cross-Country Skis|Freeride Skis', 'poplar|paulownia|carbon'),
      sub('snowboards', 349, 2900, 'Freeride Snowboard|All-Mountain Snowboard|Splitboard', 'poplar|bamboo'),
      sub('ski goggles', 99, 150, 'Ski Goggles|Over-Glasses Goggles|Photochromic Goggles|Kids Goggles', 'polycarbonate'),
      sub('ski gloves', 69, 210, 'Ski Gloves|Mittens|Liner Gloves|Freeride Gloves', 'leather|wool|polyester'),
      sub('snowshoes', 149, 1900, 'Snowshoes|Trail Snowshoes|Alpine Snowshoes|Kids Snowshoes', 'aluminium|nylon'),
      sub('sledges', 54, 3500, 'Davos Sledge|Toboggan|Folding Sledge|Horned Sledge', 'ash|beech|bamboo'),
    ],
  },
  {
    name: 'water sports', share: 0.8, peak: 0.5, swing: 0.85, brands: [2, 14], subcategories: [
      sub('paddle boards', 399, 9800, 'Inflatable SUP|Touring SUP|Kids SUP|Race SUP', 'drop-stitch PVC|welded PVC'),
      sub('wetsuits', 159, 1700, '3/2 Wetsuit|5/4 Wetsuit|Shorty|Long John', 'neoprene|natural rubber'),
      sub('dry bags', 29, 240, '10 l Dry Bag|20 l Dry Bag|Dry Backpack|Dry Tote', 'TPU|PVC|nylon'),
      sub('life vests', 84, 620, 'Life Vest|Buoyancy Aid|Kids Life Vest|Inflatable Life Vest', 'foam|nylon'),
      sub('swim gear', 28, 120, 'Swim Goggles|Swim Buoy|Swim Cap|Snorkel Set|Fins', 'silicone|rubber'),
      sub('swimwear', 49, 130, 'Swim Shorts|Swimsuit|Rash Guard|Boardshorts|Bikini Top', 'recycled polyamide|polyester'),
    ],
  },
  {
    name: 'kitchen', share: 1.4, peak: 0.95, swing: 0.35, brands: [14, 22], subcategories: [
      sub('pans', 69, 1900, 'Skillet|Frying Pan|Saucepan|Sauté Pan|Wok|Casserole', 'cast iron|stainless steel|enamel'),
      sub('knives', 64, 210, "Chef's Knife|Paring Knife|Bread Knife|Santoku|Utility Knife", 'carbon steel|stainless steel'),
      sub('coffee', 49, 760, 'French Press|Pour-Over Set|Coffee Pot|Milk Jug|Travel Press', 'glass|stainless steel|stoneware'),
      sub('tableware', 29, 480, 'Mug Set|Dinner Plate|Serving Bowl|Espresso Cups|Side Plates', 'stoneware|porcelain|enamel'),
      sub('cutting boards', 39, 1400, 'Cutting Board|Carving Board|End-Grain Board|Cheese Board', 'oak|walnut|bamboo'),
      sub('storage jars', 22, 540, 'Storage Jar|Biscuit Jar|Canister|Spice Jar Set|Tea Caddy', 'glass|stainless steel|stoneware'),
    ],
  },
  {
    name: 'home textiles', share: 1.2, peak: 0.9, swing: 0.3, brands: [14, 22], subcategories: [
      sub('blankets', 79, 1300, 'Blanket|Throw|Picnic Blanket|Knitted Blanket|Quilt', 'lambswool|cotton|recycled wool'),
      sub('cushions', 34, 420, 'Cushion|Ruffled Cushion|Floor Cushion|Bolster|Seat Pad', 'linen|cotton|velvet'),
      sub('rugs', 149, 5200, 'Woven Rug|Runner|Kilim|Round Rug|Braided Rug', 'jute|wool|cotton'),
      sub('towels', 27, 480, 'Bath Towel|Hand Towel Set|Hammam Towel|Tea Towels|Beach Towel', 'organic cotton|linen'),
      sub('bed linen', 99, 1700, 'Duvet Cover|Fitted Sheet|Pillowcase Pair|Sheet Set', 'linen|percale|flannel'),
      sub('curtains', 74, 1500, 'Curtain Pair|Blackout Curtain|Sheer Curtain|Café Curtain', 'linen|cotton|polyester'),
    ],
  },
  {
    name: 'garden', share: 1, peak: 0.36, swing: 0.75, brands: [13, 22], subcategories: [
      sub('planters', 39, 2800, 'Planter|Hanging Pot|Balcony Box|Plant Pot|Window Box', 'terracotta|zinc|larch'),
      sub('hand tools', 24, 390, 'Hand Trowel|Secateurs|Weeding Fork|Garden Hoe|Bulb Planter', 'carbon steel|stainless steel|bronze'),
      sub('watering', 34, 1100, 'Watering Can|Indoor Watering Can|Plant Mister|Rain Gauge', 'galvanised steel|copper|recycled plastic'),
      sub('seeds', 6, 20, 'Wildflower Seeds|Herb Seeds|Tomato Seeds|Salad Seeds|Sunflower Seeds', 'open-pollinated|hybrid', 'Sachet|50 g|100 g|Seed Box'),
      sub('wildlife', 32, 1200, 'Bird Feeder|Nest Box|Insect Hotel|Bat Box|Hedgehog House', 'larch|pine|recycled wood'),
      sub('garden lights', 44, 900, 'Solar Path Light|Festoon Lights|Storm Lantern|Wall Light|Table Lantern', 'steel|glass|copper'),
    ],
  },
  {
    name: 'wellness', share: 0.9, peak: 0.04, swing: 0.4, brands: [12, 22], subcategories: [
      sub('yoga mats', 54, 1900, 'Yoga Mat|Travel Yoga Mat|Pilates Mat|Studio Mat', 'natural rubber|cork|cotton'),
      sub('massage', 34, 540, 'Massage Roller|Massage Ball Set|Trigger Ball|Mini Roller', 'EVA foam|cork|beech'),
      sub('candles', 26, 360, 'Scented Candle|Dinner Candles|Pillar Candles|Travel Candle', 'beeswax|soy wax|rapeseed wax'),
      sub('bath and soap', 14, 180, 'Soap Bar|Bath Salts|Shower Oil|Hand Wash|Shampoo Bar', 'plant oils|mineral salts', 'Cedar|Lavender|Sea Fennel|Orange Blossom|Unscented'),
      sub('tea', 12, 120, 'Herbal Tea|Green Tea|Black Tea|Breakfast Tea|Rooibos', 'loose leaf|pyramid bags', '50 g|100 g|250 g|Gift Tin'),
      sub('journals', 21, 340, 'Notebook|Travel Journal|Five-Year Diary|Sketchbook|Logbook', 'recycled paper|leather|linen'),
    ],
  },
];

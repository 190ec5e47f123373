-- Up Migration

-- What most shops begin with; each can be changed or deleted.
INSERT INTO scenarios (name, definition) VALUES
  ('home', '{"description": "The front page: a mixture that is another one every day", "diversity": 0.3, "rotation": 0.2, "rotationHours": 24, "explore": 0.15}'),
  ('product-page', '{"description": "Beside a product", "limit": 6, "diversity": 0.1}'),
  ('cart', '{"description": "At the cart: a short list of what goes with it, nothing new to try", "limit": 4, "explore": 0}'),
  ('mail', '{"description": "Newsletters: a varied list, and no filling up with what is merely popular", "limit": 12, "diversity": 0.4, "fill": false}')
ON CONFLICT (name) DO NOTHING;

-- Down Migration

DELETE FROM scenarios WHERE name IN ('home', 'product-page', 'cart', 'mail');

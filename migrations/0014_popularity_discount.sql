-- Up Migration

-- The front page as it came, where nobody has changed it: what is popular counts less in it than in the scores.
UPDATE scenarios SET definition = definition || '{"popularityDiscount": 0.3}'
WHERE name = 'home' AND definition = '{"description": "The front page: a mixture that is another one every day", "diversity": 0.3, "rotation": 0.2, "rotationHours": 24, "explore": 0.15}';

-- Down Migration

UPDATE scenarios SET definition = definition - 'popularityDiscount' WHERE name = 'home';

-- How likely each item of a list was to be shown, where lists explore.

ALTER TABLE :"store".recommendations ADD COLUMN propensities real[];
COMMENT ON COLUMN :"store".recommendations.propensities IS 'The probability with which each item is among those shown; NULL or empty where the list does not explore.';
ALTER TABLE :"store".arm_recommendations ADD COLUMN propensities real[];
COMMENT ON COLUMN :"store".arm_recommendations.propensities IS 'As of recommendations.';

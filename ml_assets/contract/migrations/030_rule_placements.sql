-- A rule for a list that does not exist would silently do nothing.

ALTER TABLE :"meta".rules
    ADD CONSTRAINT is_about_a_known_list FOREIGN KEY (placement) REFERENCES :"meta".placements (placement) NOT VALID;

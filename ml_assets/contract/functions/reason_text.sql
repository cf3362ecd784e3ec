CREATE OR REPLACE FUNCTION :"meta".reason_text(of_code text, item_1 :item_id_type, item_2 :item_id_type) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN item_1 IS NULL THEN c.plain
        WHEN c.template LIKE '%{items}%' THEN replace(c.template, '{items}', concat_ws(' and ', n.name_1, n.name_2))
        ELSE replace(c.template, '{item}', n.name_1)
    END
    FROM :"meta".reason_templates AS c
    CROSS JOIN LATERAL (
        SELECT
            coalesce((SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = item_1), item_1::text) AS name_1,
            coalesce((SELECT i.item_name FROM :"store".items AS i WHERE i.item_id = item_2), item_2::text) AS name_2
    ) AS n
    WHERE c.code = of_code
$$;

COMMENT ON FUNCTION :"meta".reason_text(text, :item_id_type, :item_id_type) IS 'The sentence behind a reason.';
REVOKE EXECUTE ON FUNCTION :"meta".reason_text(text, :item_id_type, :item_id_type) FROM PUBLIC;

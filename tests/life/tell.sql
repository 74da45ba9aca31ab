-- Code that raises an error if it runs neither with its owner's rights nor with those of the role that inserts
CREATE FUNCTION tell(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_user NOT IN ('life_mallory', 'life_inserter') THEN
        RAISE EXCEPTION 'here I am %', current_user USING ERRCODE = 'XX999';
    END IF;
    RETURN $1;
END$$;

-- Thirty questions that a support agent asks. Each has a name; each answer is in a fixed order and sums are rounded,
-- so that two databases with the same rows give the same answer to the last character.

-- name: customers
SELECT CustomerId, FirstName, LastName, Country FROM Customer ORDER BY CustomerId;

-- name: how_much_of_everything
SELECT
    (SELECT count(*) FROM Customer) AS customers,
    (SELECT count(*) FROM Invoice) AS invoices,
    (SELECT count(*) FROM InvoiceLine) AS lines,
    (SELECT count(*) FROM Track) AS tracks;

-- name: every_column_of_the_newest_invoices
SELECT * FROM Invoice ORDER BY InvoiceDate DESC, InvoiceId DESC LIMIT 20;

-- name: revenue_by_country
SELECT BillingCountry, count(*) AS invoices, round(sum(Total), 2) AS revenue, round(avg(Total), 4) AS mean, min(Total), max(Total)
FROM Invoice
GROUP BY BillingCountry
ORDER BY revenue DESC, BillingCountry;

-- name: revenue_by_month
SELECT strftime('%Y-%m', InvoiceDate) AS month, count(*) AS invoices, round(sum(Total), 2) AS revenue
FROM Invoice
GROUP BY month
HAVING revenue > 5
ORDER BY month;

-- name: ten_best_customers
SELECT c.CustomerId, c.FirstName || ' ' || c.LastName AS customer, round(sum(i.Total), 2) AS revenue
FROM Customer AS c
JOIN Invoice AS i USING (CustomerId)
GROUP BY c.CustomerId
ORDER BY revenue DESC, c.CustomerId
LIMIT 10;

-- name: customers_and_their_agents
SELECT c.LastName AS customer, e.LastName AS agent, boss.LastName AS boss
FROM Customer AS c
LEFT JOIN Employee AS e ON e.EmployeeId = c.SupportRepId
LEFT JOIN Employee AS boss ON boss.EmployeeId = e.ReportsTo
ORDER BY c.CustomerId;

-- name: agents_by_number_of_customers
SELECT e.EmployeeId, e.LastName, count(c.CustomerId) AS customers, round(total(i.Total), 2) AS revenue
FROM Employee AS e
LEFT JOIN Customer AS c ON c.SupportRepId = e.EmployeeId
LEFT JOIN Invoice AS i ON i.CustomerId = c.CustomerId
GROUP BY e.EmployeeId
ORDER BY customers DESC, e.EmployeeId;

-- name: genres_sold
SELECT g.Name AS genre, count(*) AS lines, sum(il.Quantity) AS pieces, round(sum(il.UnitPrice * il.Quantity), 2) AS revenue
FROM InvoiceLine AS il
JOIN Track AS t ON t.TrackId = il.TrackId
JOIN Genre AS g ON g.GenreId = t.GenreId
GROUP BY g.GenreId
ORDER BY lines DESC, genre;

-- name: artists_sold_over_five_tables
SELECT ar.Name AS artist, count(DISTINCT i.CustomerId) AS customers, count(*) AS lines
FROM Artist AS ar
JOIN Album AS al ON al.ArtistId = ar.ArtistId
JOIN Track AS t ON t.AlbumId = al.AlbumId
JOIN InvoiceLine AS il ON il.TrackId = t.TrackId
JOIN Invoice AS i ON i.InvoiceId = il.InvoiceId
GROUP BY ar.ArtistId
ORDER BY lines DESC, artist
LIMIT 25;

-- name: tracks_never_sold
SELECT g.Name AS genre, count(*) AS unsold
FROM Track AS t
JOIN Genre AS g USING (GenreId)
WHERE NOT EXISTS (SELECT 1 FROM InvoiceLine AS il WHERE il.TrackId = t.TrackId)
GROUP BY g.GenreId
ORDER BY unsold DESC, genre;

-- name: customers_who_bought_jazz
SELECT CustomerId, LastName
FROM Customer
WHERE CustomerId IN (
    SELECT i.CustomerId
    FROM Invoice AS i
    JOIN InvoiceLine AS il ON il.InvoiceId = i.InvoiceId
    WHERE il.TrackId IN (SELECT TrackId FROM Track WHERE GenreId = (SELECT GenreId FROM Genre WHERE Name = 'Jazz'))
)
ORDER BY CustomerId;

-- name: customers_above_the_average
SELECT c.CustomerId, round(sum(i.Total), 2) AS revenue
FROM Customer AS c, Invoice AS i
WHERE c.CustomerId = i.CustomerId
GROUP BY c.CustomerId
HAVING sum(i.Total) > (SELECT avg(s) FROM (SELECT sum(Total) AS s FROM Invoice GROUP BY CustomerId)) + 0.001
ORDER BY c.CustomerId;

-- name: last_invoice_of_each_customer
SELECT c.CustomerId, i.InvoiceId, i.InvoiceDate, i.Total
FROM Customer AS c
JOIN Invoice AS i ON i.CustomerId = c.CustomerId
WHERE (i.InvoiceDate, i.InvoiceId) = (
    SELECT n.InvoiceDate, n.InvoiceId FROM Invoice AS n WHERE n.CustomerId = c.CustomerId ORDER BY n.InvoiceDate DESC, n.InvoiceId DESC LIMIT 1
)
ORDER BY c.CustomerId;

-- name: pairs_of_customers_in_one_city
SELECT a.CustomerId AS one, b.CustomerId AS other, a.City
FROM Customer AS a
JOIN Customer AS b ON a.City = b.City AND a.CustomerId < b.CustomerId
ORDER BY one, other;

-- name: biggest_invoice_of_each_country_by_window
SELECT BillingCountry, InvoiceId, Total
FROM (
    SELECT BillingCountry, InvoiceId, Total, row_number() OVER (PARTITION BY BillingCountry ORDER BY Total DESC, InvoiceId) AS place
    FROM Invoice
)
WHERE place = 1
ORDER BY BillingCountry;

-- name: running_total_of_revenue
SELECT InvoiceId, InvoiceDate, Total, round(sum(Total) OVER (ORDER BY InvoiceDate, InvoiceId), 2) AS so_far
FROM Invoice
ORDER BY InvoiceDate, InvoiceId;

-- name: days_between_invoices_of_a_customer
SELECT
    CustomerId, InvoiceId,
    julianday(InvoiceDate) - julianday(lag(InvoiceDate) OVER w) AS days,
    ntile(4) OVER (ORDER BY Total, InvoiceId) AS quarter,
    first_value(InvoiceId) OVER w AS first_invoice
FROM Invoice
WINDOW w AS (PARTITION BY CustomerId ORDER BY InvoiceDate, InvoiceId)
ORDER BY CustomerId, InvoiceId;

-- name: share_of_each_genre
WITH
    sold AS (
        SELECT t.GenreId, sum(il.UnitPrice * il.Quantity) AS revenue
        FROM InvoiceLine AS il
        JOIN Track AS t USING (TrackId)
        GROUP BY t.GenreId
    ),
    everything AS (SELECT sum(revenue) AS revenue FROM sold)
SELECT g.Name AS genre, round(100.0 * sold.revenue / everything.revenue, 4) AS percent
FROM sold
CROSS JOIN everything
JOIN Genre AS g USING (GenreId)
ORDER BY percent DESC, genre;

-- name: months_without_an_invoice
WITH RECURSIVE
    month(first) AS (
        SELECT (SELECT date(min(InvoiceDate), 'start of month') FROM Invoice)
        UNION ALL
        SELECT date(first, '+1 month') FROM month WHERE first < (SELECT date(max(InvoiceDate), 'start of month') FROM Invoice)
    )
SELECT first
FROM month
WHERE NOT EXISTS (SELECT 1 FROM Invoice WHERE date(InvoiceDate, 'start of month') = month.first)
ORDER BY first;

-- name: chain_of_command_and_customers
WITH RECURSIVE
    below(EmployeeId, Name, depth) AS (
        SELECT EmployeeId, LastName, 0 FROM Employee WHERE ReportsTo IS NULL
        UNION ALL
        SELECT e.EmployeeId, e.LastName, depth + 1 FROM Employee AS e JOIN below ON e.ReportsTo = below.EmployeeId
    )
SELECT below.Name, depth, (SELECT count(*) FROM Customer WHERE SupportRepId = below.EmployeeId) AS customers
FROM below
ORDER BY depth, below.EmployeeId;

-- name: cohorts_by_first_purchase
WITH
    first_purchase AS (SELECT CustomerId, strftime('%Y', min(InvoiceDate)) AS cohort FROM Invoice GROUP BY CustomerId),
    activity AS (SELECT CustomerId, strftime('%Y', InvoiceDate) AS year, sum(Total) AS revenue FROM Invoice GROUP BY 1, 2)
SELECT cohort, year, count(DISTINCT activity.CustomerId) AS customers, round(sum(revenue), 2) AS revenue
FROM activity
JOIN first_purchase USING (CustomerId)
GROUP BY cohort, year
ORDER BY cohort, year;

-- name: places_that_we_know_of
SELECT City AS place, 'city of a customer' AS why FROM Customer
UNION
SELECT BillingCity, 'billed there' FROM Invoice
UNION ALL
SELECT City, 'office' FROM Employee WHERE ReportsTo IS NOT NULL
ORDER BY place, why;

-- name: countries_with_customers_but_not_in_the_top_three
SELECT Country FROM Customer
EXCEPT
SELECT BillingCountry FROM (SELECT BillingCountry, sum(Total) AS s FROM Invoice GROUP BY 1 ORDER BY round(s, 2) DESC, 1 LIMIT 3)
INTERSECT
SELECT BillingCountry FROM Invoice WHERE Total > 5
ORDER BY 1;

-- name: invoices_whose_lines_do_not_add_up
SELECT i.InvoiceId, i.Total, round(sum(il.UnitPrice * il.Quantity), 2) AS of_lines, count(il.InvoiceLineId) AS lines
FROM Invoice AS i
LEFT JOIN InvoiceLine AS il ON il.InvoiceId = i.InvoiceId
GROUP BY i.InvoiceId
HAVING lines > 8 OR abs(i.Total - of_lines) > 0.005
ORDER BY i.InvoiceId;

-- name: baskets_as_json
SELECT
    c.CustomerId,
    json_object('name', c.LastName, 'countries', json_group_array(DISTINCT i.BillingCountry)) AS customer,
    count(*) FILTER (WHERE i.Total >= 5) AS large,
    count(*) FILTER (WHERE i.Total < 1) AS small
FROM Customer AS c
JOIN Invoice AS i USING (CustomerId)
GROUP BY c.CustomerId
ORDER BY c.CustomerId;

-- name: price_classes
SELECT
    CASE WHEN Total < 1 THEN 'small' WHEN Total < 5 THEN 'middle' ELSE 'large' END AS class,
    count(*) AS invoices,
    round(100.0 * count(*) / (SELECT count(*) FROM Invoice), 3) AS percent
FROM Invoice
GROUP BY class
ORDER BY class;

-- name: sale_lines_from_a_view
SELECT Genre, BillingCountry, count(*) AS lines, round(sum(Amount), 2) AS amount
FROM SaleLine
GROUP BY Genre, BillingCountry
HAVING count(*) > 2
ORDER BY Genre, BillingCountry;

-- name: a_view_joined_with_a_table
SELECT v.CustomerId, v.Invoices, v.Revenue, c.Email, group_concat(DISTINCT v.Country) AS country
FROM CustomerValue AS v
JOIN Customer AS c ON c.CustomerId = v.CustomerId
WHERE v.Revenue > (SELECT avg(Revenue) FROM CustomerValue)
GROUP BY v.CustomerId
ORDER BY v.Revenue DESC, v.CustomerId;

-- name: a_view_over_a_view
SELECT Place, LastName, Revenue FROM BestCustomer WHERE Place <= 10 ORDER BY Place, LastName;

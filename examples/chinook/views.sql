-- Views that the owner makes and grants. A view runs with the rights of whoever reads it, so that the row policies hold in it too.

CREATE VIEW SaleLine AS
SELECT
    il.InvoiceLineId, i.InvoiceId, i.InvoiceDate, i.BillingCountry,
    c.CustomerId, c.FirstName || ' ' || c.LastName AS Customer,
    t.TrackId, t.Name AS Track, g.Name AS Genre,
    il.UnitPrice * il.Quantity AS Amount
FROM InvoiceLine AS il
JOIN Invoice AS i ON i.InvoiceId = il.InvoiceId
JOIN Customer AS c ON c.CustomerId = i.CustomerId
JOIN Track AS t ON t.TrackId = il.TrackId
LEFT JOIN Genre AS g ON g.GenreId = t.GenreId;

CREATE VIEW CustomerValue AS
SELECT
    c.CustomerId, c.LastName, c.Country, c.SupportRepId,
    count(i.InvoiceId) AS Invoices, round(coalesce(sum(i.Total), 0), 2) AS Revenue
FROM Customer AS c
LEFT JOIN Invoice AS i ON i.CustomerId = c.CustomerId
GROUP BY c.CustomerId;

CREATE VIEW BestCustomer AS
SELECT CustomerId, LastName, Revenue, rank() OVER (ORDER BY Revenue DESC) AS Place
FROM CustomerValue;

// Runs in the frame of a preview: in the box of pages, without our origin. Takes one text from the editor around it and becomes that page.
addEventListener('message', event => {
  if (event.source !== parent || typeof event.data?.page !== 'string') return;
  document.open();
  document.write(event.data.page);
  document.close();
  scrollTo(0, event.data.top || 0);
}, { once: true });

(function () {
  var tip = document.getElementById("tip"), near = null;
  function hide() { tip.hidden = true; if (near) { near.classList.remove("near"); near = null; } }
  function thumb(name, index) {
    var sheet = document.getElementById(name);
    if (!sheet) { return null; }
    var d = sheet.dataset, scale = Math.max(1, Math.round(96 / Math.max(d.width, d.height)));
    var box = document.createElement("div");
    box.className = "thumb";
    box.style.width = d.width * scale + "px";
    box.style.height = d.height * scale + "px";
    box.style.backgroundImage = "url(" + sheet.src + ")";
    box.style.backgroundSize = d.width * d.columns * scale + "px " + d.height * d.rows * scale + "px";
    box.style.backgroundPosition = -(index % d.columns) * d.width * scale + "px " + -Math.floor(index / d.columns) * d.height * scale + "px";
    return box;
  }
  document.querySelectorAll("svg.chart > title").forEach(function (title) {
    title.parentNode.setAttribute("aria-label", title.textContent);
    title.remove();
  });
  document.querySelectorAll("svg.hover").forEach(function (svg) {
    var points = [].map.call(svg.querySelectorAll("circle > title"), function (title) {
      var circle = title.parentNode, text = title.textContent;
      title.remove();
      return { circle: circle, text: text, x: +circle.getAttribute("cx"), y: +circle.getAttribute("cy") };
    });
    function show(event) {
      var at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      var best = null, least = 400;
      points.forEach(function (point) {
        var squared = Math.pow(point.x - at.x, 2) + Math.pow(point.y - at.y, 2);
        if (squared < least) { least = squared; best = point; }
      });
      if (!best) { hide(); return; }
      if (near !== best.circle) {
        hide();
        near = best.circle;
        near.classList.add("near");
        tip.textContent = "";
        var picture = svg.closest("[data-sheet]") && thumb(svg.closest("[data-sheet]").dataset.sheet, near.dataset.i);
        if (picture) { tip.appendChild(picture); }
        tip.appendChild(document.createTextNode(best.text));
      }
      tip.hidden = false;
      var left = event.clientX + 14, top = event.clientY + 14;
      tip.style.left = Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 6)) + "px";
      tip.style.top = (top + tip.offsetHeight > innerHeight ? Math.max(4, event.clientY - tip.offsetHeight - 10) : top) + "px";
    }
    svg.addEventListener("pointermove", show);
    svg.addEventListener("pointerdown", show);
    svg.addEventListener("pointerleave", hide);
  });
  addEventListener("scroll", hide, { passive: true });
})();

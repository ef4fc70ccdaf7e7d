using System.Net;
using System.Text;

namespace StreamRnn.Trainer.Pictures;

/// <summary>A page of pictures in one file: nothing is loaded from elsewhere, so it can be mailed and kept.</summary>
public sealed class PicturePage
{
    private readonly StringBuilder _body = new();

    public PicturePage(string title) => Title = title;

    public string Title { get; }

    public PicturePage Heading(string text) => Element("h2", text);

    public PicturePage Paragraph(string text) => Element("p", text);

    public PicturePage Chart(Chart chart)
    {
        _body.Append("<figure>").Append(chart.Svg()).Append("</figure>\n");
        return this;
    }

    /// <summary>Text in columns, as a terminal shows it.</summary>
    public PicturePage Table(string text) => Element("pre", text);

    public string Html() => $$"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{{WebUtility.HtmlEncode(Title)}}</title>
        <style>
          :root { color-scheme: light dark; }
          body { max-width: 820px; margin: 2em auto; padding: 0 1em; font: 15px/1.5 system-ui, sans-serif; }
          figure { margin: 1em 0; }
          pre { overflow-x: auto; font-size: 13px; line-height: 1.4; }
        </style>
        </head>
        <body>
        <h1>{{WebUtility.HtmlEncode(Title)}}</h1>
        {{_body}}</body>
        </html>

        """;

    private PicturePage Element(string name, string text)
    {
        _body.Append('<').Append(name).Append('>').Append(WebUtility.HtmlEncode(text)).Append("</").Append(name).Append(">\n");
        return this;
    }
}

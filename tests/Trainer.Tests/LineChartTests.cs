using System.Xml.Linq;
using StreamRnn.Trainer.Pictures;

namespace StreamRnn.Trainer.Tests;

public class LineChartTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_chart_is_one_well_formed_element_whose_lines_lie_within_it(bool logarithmic)
    {
        LineChart chart = new("a < b & c", "row", "loss", [new("first", [1, 10, 1e-30, 1000]), new("second", [5, double.NaN, 0, 7, 8], dashed: true)])
        { IsLogarithmic = logarithmic };

        XElement svg = XElement.Parse(chart.Svg());

        Assert.Equal("a < b & c", svg.Element(Svg + "title")!.Value);
        string[] lines = [.. svg.Elements(Svg + "path").Where(path => (string?)path.Attribute("fill") == "none").Select(path => (string)path.Attribute("d")!)];
        Assert.Equal(2, lines.Length);
        Assert.Equal(2, lines[1].Count(c => c == 'M'));   // the gap at NaN breaks the line; 0 breaks a logarithmic one too
        foreach (string[] point in lines.SelectMany(line => line.Split('M', 'L')).Where(point => point.Length > 0).Select(point => point.Split(' ')))
        {
            Assert.InRange(double.Parse(point[0], System.Globalization.CultureInfo.InvariantCulture), 0, 760);
            Assert.InRange(double.Parse(point[1], System.Globalization.CultureInfo.InvariantCulture), 0, 400);
        }
    }

    [Theory]
    [InlineData()]
    [InlineData(double.NaN)]
    [InlineData(3.0)]
    [InlineData(3.0, 3.0)]
    public void A_chart_of_nothing_or_of_one_value_is_still_a_chart(params double[] values)
    {
        string svg = new LineChart("t", "x", "y", [new("line", values)]).Svg();
        Assert.DoesNotContain("NaN", svg);
        XElement.Parse(svg);
    }

    [Fact]
    public void Ticks_are_round_numbers_within_the_data_and_never_minus_zero()
    {
        Assert.Equal(["-2", "-1", "0", "1", "2"], Labels(new LineChart("t", "x", "y", [new("line", [-2.3, 2.2])]), "end"));
        Assert.Equal(["0.2", "0.5", "1"], Labels(new LineChart("t", "x", "y", [new("line", [0.15, 1.4])]) { IsLogarithmic = true }, "end"));
        Assert.Equal(["1e-4", "1e-3", "1e-2", "1e-1", "1e0"], Labels(new LineChart("t", "x", "y", [new("line", [0.0001, 2])]) { IsLogarithmic = true }, "end"));
    }

    [Theory]
    [InlineData(3600, "01-31 18:00", "01-31 18:10")]
    [InlineData(5 * 86400, "2026-02-01", "2026-02-02")]
    [InlineData(400 * 86400.0, "2026-03", "2026-05")]
    [InlineData(40 * 365.25 * 86400.0, "2031", "2036")]
    public void Time_has_round_ticks(double seconds, string first, string second)
    {
        double from = (new DateTime(2026, 1, 31, 18, 0, 0) - DateTime.UnixEpoch).TotalSeconds;
        string[] labels = Labels(new LineChart("t", "x", "y", [new("line", [from, from + seconds], [1, 2])]) { IsTimed = true, MarkedX = from, Mark = "kept" }, "middle");
        Assert.Equal([first, second], labels[..2]);
        Assert.InRange(labels.Length, 4, 12);
        Assert.Contains("kept", labels);
    }

    private static string[] Labels(LineChart chart, string anchor) => [.. XElement.Parse(chart.Svg()).Elements(Svg + "text")
        .Where(text => (string?)text.Attribute("text-anchor") == anchor).Select(text => text.Value)];

    [Fact]
    public void A_page_holds_everything_it_shows()
    {
        string html = new PicturePage("Run <1>").Heading("Loss").Paragraph("a & b").Chart(new LineChart("t", "x", "y", [])).Table("1 2").Html();
        Assert.Contains("<h1>Run &lt;1&gt;</h1>", html);
        Assert.DoesNotContain("src=", html);
        Assert.DoesNotContain("href=", html);
    }
}

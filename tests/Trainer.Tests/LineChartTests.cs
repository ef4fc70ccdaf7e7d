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
    public void A_page_holds_everything_it_shows()
    {
        string html = new PicturePage("Run <1>").Heading("Loss").Paragraph("a & b").Chart(new LineChart("t", "x", "y", [])).Table("1 2").Html();
        Assert.Contains("<h1>Run &lt;1&gt;</h1>", html);
        Assert.DoesNotContain("src=", html);
        Assert.DoesNotContain("href=", html);
    }
}

using System.Globalization;
using System.Xml.Linq;
using StreamRnn.Trainer.Pictures;

namespace StreamRnn.Trainer.Tests;

public class HeatMapTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Each_shade_is_one_path_and_neighbours_in_a_row_are_one_rectangle()
    {
        HeatMap map = new("h", "step", "unit", [[1f, -1f, 0.5f], [1f, -1f, 0f], [1f, float.NaN, 0.5f]], First: 7);

        XElement[] shades = [.. Cells(map)];

        Assert.Equal(["#0072b2 1", "#d55e00 0.5", "#d55e00 1"], shades.Select(path => $"{path.Attribute("fill")!.Value} {path.Attribute("fill-opacity")!.Value}"));
        Assert.Equal([1, 2, 1], shades.Select(path => path.Attribute("d")!.Value.Count(c => c == 'M')));
        Assert.Equal(2 / 3.0, Width(shades[0]) / Width(shades[2]), tolerance: 1e-3);
    }

    [Fact]
    public void A_step_stands_below_itself_in_a_line_chart_over_the_same_range()
    {
        HeatMap map = new("h", "step", "unit", [[0f], [1f], [0f], [0f]], First: 10);
        LineChart line = new("v", "", "value", [new("value", [10, 11, 12, 13], [0, 1, 2, 3])]) { XRange = map.XRange };

        string[] cell = Cells(map).Single().Attribute("d")!.Value.Split('M', ' ', 'H', 'V');
        double middle = (Number(cell[1]) + Number(cell[3])) / 2;
        string point = XElement.Parse(line.Svg()).Elements(Svg + "path").Single(path => (string?)path.Attribute("stroke-linejoin") == "round").Attribute("d")!.Value.Split('L')[1];
        Assert.Equal(middle, Number(point.Split(' ')[0]), tolerance: 0.1);
    }

    [Fact]
    public void A_stack_is_as_high_as_its_charts_and_nothing_is_still_a_picture()
    {
        LineChart line = new("v", "", "value", [new("value", [0, 1])]) { Height = 200 };
        HeatMap nothing = new("h < 1", "step", "unit", []) { Height = 300 };

        XElement svg = XElement.Parse(new ChartStack("stream & state", ["a < b", "c"], [line, nothing]).Svg());

        Assert.True(double.Parse(svg.Attribute("viewBox")!.Value.Split(' ')[3], CultureInfo.InvariantCulture) >= 500);
        Assert.Equal(["translate(0 64)", "translate(0 264)"], svg.Elements(Svg + "g").Select(g => g.Attribute("transform")!.Value));
        Assert.Single(svg.DescendantsAndSelf(), element => element.Name == Svg + "svg");
        Assert.DoesNotContain("NaN", svg.ToString());
    }

    /// <summary>The legend draws with single squares; cells come after it.</summary>
    private static IEnumerable<XElement> Cells(HeatMap map) =>
        XElement.Parse(map.Svg()).Elements(Svg + "path").Where(path => path.Attribute("fill-opacity") is not null).Skip(41);

    private static double Width(XElement path)
    {
        string[] corners = path.Attribute("d")!.Value.Split('M', ' ', 'H', 'V');
        return Number(corners[3]) - Number(corners[1]);
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}

using StreamRnn.Ingest.Recordings;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Trainer.Tests;

/// <summary>What cannot be trained on is refused with file, place and remedy.</summary>
public class SeriesTests
{
    [Theory]
    [InlineData("time,a\n0,1\n1,\n2,3\n", "line 3, column a: the cell is empty", "--gaps skip")]
    [InlineData("time,a\n0,1\n1,NaN\n2,3\n", "line 3, column a: 'NaN' is no number", "--gaps hold")]
    [InlineData("time,a\n0,1\n1,high\n2,3\n", "line 3, column a: 'high' is no finite number", "--value-column")]
    [InlineData("time,a\n0,1\n1,inf\n2,3\n", "line 3, column a: 'inf' is no finite number", "correct it")]
    [InlineData("time,a\n0,1\n5,2\n2,3\n", "line 4, column time: 2 lies before the row above it", "sort")]
    [InlineData("time,a\n0,1\nsoon,2\n2,3\n", "line 3, column time: 'soon' is no time", "--time-column")]
    [InlineData("time,a,b\n0,1,2\n1,2,3\n", "2 columns hold numbers (a, b)", "--value-column")]
    public void A_bad_row_is_named_with_its_remedy(string text, string place, string remedy)
    {
        using TemporaryFile file = Data.File(text);
        string message = Assert.Throws<InvalidDataException>(() => Series.Read(file.Path, new RecordingOptions(), GapPolicy.Refuse)).Message;
        Assert.StartsWith(file.Path, message, StringComparison.Ordinal);
        Assert.Contains(place, message, StringComparison.Ordinal);
        Assert.Contains(remedy, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gaps_are_skipped_or_held_where_that_is_asked_for()
    {
        using TemporaryFile file = Data.File("time,a\n0,\n1,1\n2,\n3,NA\n4,5\n");
        Series skipped = Series.Read(file.Path, new RecordingOptions(), GapPolicy.Skip);
        Assert.Equal([1, 5], skipped.Values);
        Assert.Equal(3, skipped.Gaps);
        Series held = Series.Read(file.Path, new RecordingOptions(), GapPolicy.Hold);
        Assert.Equal([1, 1, 1, 5], held.Values);
        Assert.Equal([1, 2, 3, 4], held.Times.Select(time => time / 1_000_000_000));
    }

    public static TheoryData<Recipe> Recipes() => [.. Recipe.All];

    [Theory, MemberData(nameof(Recipes))]
    public void Values_that_never_change_teach_nothing(Recipe recipe)
    {
        Series constant = Data.Hourly(400) with { Values = new double[400] };
        string message = Assert.Throws<InvalidDataException>(() => recipe.Prepare([constant], recipe.Defaults)).Message;
        Assert.Contains("hourly", message, StringComparison.Ordinal);
        Assert.Contains("--value-column", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\0\u0001ELF\u0002,\u0003\n\u0004,\u0005\n", "line 1 is no text")]
    [InlineData("a\u001b[2J,b\nx,y\n", "a\\x1b[2J")]
    public void What_a_binary_file_holds_does_not_reach_the_terminal(string text, string expected)
    {
        using TemporaryFile file = Data.File(text);
        string message = Assert.Throws<InvalidDataException>(() => Series.Read(file.Path, new RecordingOptions(), GapPolicy.Refuse)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain(message, char.IsControl);
    }

    [Fact]
    public void A_ramp_is_not_called_constant()
    {
        Series ramp = Data.Hourly(400) with { Values = [.. Enumerable.Range(0, 400).Select(t => (double)t)] };
        Recipe recipe = new StreamRecipe();
        Assert.Contains("every change", Assert.Throws<InvalidDataException>(() => recipe.Prepare([ramp], recipe.Defaults)).Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Recipes))]
    public void One_row_is_too_few(Recipe recipe)
    {
        string message = Assert.Throws<InvalidDataException>(() => recipe.Prepare([Data.Hourly(1)], recipe.Defaults)).Message;
        Assert.Contains("hourly: 1 row is too few; ", message, StringComparison.Ordinal);
        int needed = int.Parse(message.Split(' ')[6], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Throws<InvalidDataException>(() => recipe.Prepare([Data.Hourly(needed - 1)], recipe.Defaults));
        recipe.Prepare([Data.Hourly(needed)], recipe.Defaults);
        Assert.Contains("Record more", message, StringComparison.Ordinal);
    }
}

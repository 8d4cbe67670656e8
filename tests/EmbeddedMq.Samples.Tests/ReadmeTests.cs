using System.Text.RegularExpressions;

namespace EmbeddedMq.Samples.Tests;

/// <summary>What the READMEs show is cut from samples, which compile and run.</summary>
public sealed partial class ReadmeTests
{
    public static TheoryData<string> Readmes =>
        [.. Directory.EnumerateFiles(Repository.Root, "README.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Where(path => !path.StartsWith("artifacts/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Readmes))]
    public void Readme_CSharpSnippet_EqualsTheSamplesRegion(string readme)
    {
        string text = Repository.Read(readme);
        MatchCollection snippets = CSharpFence().Matches(text);

        foreach (Match snippet in snippets)
        {
            Match cut = CutFrom().Match(text[..snippet.Index]);
            Assert.True(cut.Success, $"{readme}: this snippet does not say where it was cut from (<!-- cut from FILE#REGION -->):\n{snippet.Value}");
            Assert.Equal(Region(cut.Groups["file"].Value, cut.Groups["region"].Value), snippet.Groups["code"].Value);
        }
    }

    [Fact]
    public void TopReadme_QuickStart_IsThereAndShort()
    {
        string text = Repository.Read("README.md");
        Match snippet = CSharpFence().Match(text);

        Assert.Contains("<!-- cut from samples/FirstMessage/Program.cs#quick-start -->", text, StringComparison.Ordinal);
        int lines = snippet.Groups["code"].Value.Split('\n').Count(line => line.Trim() is not ("" or "{" or "}"));
        Assert.InRange(lines, 5, 15);
    }

    [Fact]
    public void TopReadme_TableOfSamples_NamesEverySample()
    {
        string text = Repository.Read("README.md");
        string[] samples = [.. Directory.EnumerateDirectories(Path.Combine(Repository.Root, "samples"))
            .Where(directory => Directory.EnumerateFiles(directory, "*.csproj").Any())
            .Select(directory => Path.GetFileName(directory)!)];

        Assert.NotEmpty(samples);
        Assert.Empty(samples.Where(sample => !text.Contains($"| [{sample}](samples/{sample})", StringComparison.Ordinal)));
        Assert.Empty(SampleLink().Matches(text).Select(match => match.Groups["sample"].Value).Except(samples));
    }

    [Fact]
    public void TopReadme_Links_LeadSomewhere()
    {
        string[] links = [.. Link().Matches(Repository.Read("README.md")).Select(match => match.Groups["path"].Value)];

        Assert.NotEmpty(links);
        Assert.Empty(links.Where(link => !Path.Exists(Path.Combine(Repository.Root, link))));
    }

    [Fact]
    public void Solution_EverySample_IsInIt()
    {
        string solution = Repository.Read("EmbeddedMq.sln").Replace('\\', '/');
        IEnumerable<string> projects = Directory.EnumerateFiles(Path.Combine(Repository.Root, "samples"), "*.csproj", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'));

        Assert.Empty(projects.Where(project => !solution.Contains(project, StringComparison.Ordinal)));
    }

    /// <summary>The lines between <c>#region NAME</c> and its end, moved to the left margin.</summary>
    private static string Region(string file, string region)
    {
        string[] lines = Repository.Read(file).Split('\n');
        int start = Array.FindIndex(lines, line => line.Trim() == $"#region {region}");
        Assert.True(start >= 0, $"{file} has no region '{region}'.");
        int end = Array.FindIndex(lines, start, line => line.Trim() == "#endregion");
        string[] body = lines[(start + 1)..end];
        int indent = body.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', body.Select(line => line.Length == 0 ? line : line[indent..]));
    }

    [GeneratedRegex(@"^```csharp\n(?<code>.*?)\n```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CSharpFence();

    [GeneratedRegex(@"<!-- cut from (?<file>[^#\s]+)#(?<region>\S+) -->\n\z")]
    private static partial Regex CutFrom();

    [GeneratedRegex(@"\(samples/(?<sample>\w+)\)")]
    private static partial Regex SampleLink();

    [GeneratedRegex(@"\]\((?<path>(?!https?:)[^)#\s]+)[^)]*\)")]
    private static partial Regex Link();
}

using System.Reflection;

namespace EmbeddedMq.Compliance;

/// <summary>Holds the suites to the list of what they have to cover.</summary>
public sealed class CoverageTests
{
    private static readonly MethodInfo[] Tests =
    [
        .. typeof(ComplianceSuite).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(ComplianceSuite)) && type.IsAbstract)
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(method => method.IsDefined(typeof(FactAttribute), inherit: true)),
    ];

    [Fact]
    public void Items_InScope_EachHasATest()
    {
        HashSet<string> covered = [.. Tests.SelectMany(test => test.GetCustomAttributes<AmqpItemAttribute>()).Select(attribute => attribute.Item)];
        Assert.Empty(AmqpItems.InScope.Except(covered));
    }

    [Fact]
    public void PointsOftenGotWrong_All_EachHasATest()
    {
        HashSet<string> covered = [.. Tests.SelectMany(test => test.GetCustomAttributes<OftenGotWrongAttribute>()).Select(attribute => attribute.Point)];
        Assert.Empty(AmqpItems.OftenGotWrong.Except(covered));
        Assert.Empty(covered.Except(AmqpItems.OftenGotWrong));
    }

    [Fact]
    public void Tests_InSuites_EachNamesItsItemOrItsDifference()
    {
        IEnumerable<string> nameless = Tests
            .Where(test => !test.IsDefined(typeof(AmqpItemAttribute)) && !test.IsDefined(typeof(DeliberateDifferenceAttribute)))
            .Select(test => $"{test.DeclaringType!.Name}.{test.Name}");
        Assert.Empty(nameless);
    }

    [Fact]
    public void Tests_InSuites_AreNamedSubjectCircumstanceOutcome()
        => Assert.Empty(Tests.Where(test => test.Name.Split('_').Length != 3).Select(test => $"{test.DeclaringType!.Name}.{test.Name}"));

    [Fact]
    public void Suites_Abstract_EachRunsInMemoryAndStored()
    {
        string[] engines = [typeof(Embedded.EmbeddedEngine).Namespace!, typeof(Stored.StoredEngine).Namespace!];
        Type[] types = typeof(ComplianceSuite).Assembly.GetTypes();
        IEnumerable<Type> suites = types.Where(type => type.IsAbstract && type.IsSubclassOf(typeof(ComplianceSuite)));
        Assert.Empty(suites.Where(suite => engines.Any(engine => !types.Any(type => type.BaseType == suite && type.Namespace == engine))).Select(suite => suite.Name));
    }
}

-- What can only be computed of all regions: from the marts of the catalogue, of official evaluations.

create view national.fct_ranks as
with evaluations as (
    select
        e.region,
        e.unit_code,
        e.fiscal_year,
        e.rubric_id,
        d.unit_name,
        d.unit_type,
        d.city,
        d.district,
        d.is_disclosure_exempt,
        e.is_final,
        cast(m.denominator as decimal(18, 2)) as budget_yuan,
        e.total_score,
        r.total_points,
        e.grade,
        -- Whole numbers that a double holds: equal shares are equal, whatever the rubrics' totals.
        cast(e.total_score * 10000 as bigint) / cast(r.total_points * 10000 as bigint) as share
    from marts.fct_evaluations as e
    inner join marts.dim_departments as d using (region, unit_code, fiscal_year)
    inner join marts.dim_rubrics as r using (region, rubric_id)
    left join marts.fct_measures as m
        on
            e.region = m.region
            and e.unit_code = m.unit_code
            and e.fiscal_year = m.fiscal_year
            and m.measure_code = 'budget_execution_rate'
    where e.rubric_role = 'official' and e.status = 'scored'
),

sized as (
    select
        region,
        unit_code,
        fiscal_year,
        -- Equal budgets are of one quarter, which ntile would not say.
        1 + 4 * (rank() over (partition by fiscal_year order by budget_yuan) - 1)
        // count(*) over (partition by fiscal_year) as size_class
    from evaluations
    where budget_yuan is not null
),

classed as (
    select
        evaluations.*,
        sized.size_class
    from evaluations
    left join sized using (region, unit_code, fiscal_year)
),

-- Each evaluation among others of four kinds, so that all are ranked in one way.
among as (
    select
        *,
        unnest([
            struct_pack(reach := 'district', alike := [region, city, district]),
            struct_pack(reach := 'region', alike := [region]),
            struct_pack(reach := 'all', alike := cast([] as varchar[])),
            struct_pack(reach := 'peers', alike := [unit_type, cast(size_class as varchar)])
        ], max_depth := 2)
    from classed
),

ranked as (
    select
        *,
        count(*) over (partition by fiscal_year, reach, alike) as scored,
        rank() over (partition by fiscal_year, reach, alike order by share desc) as rank_of,
        -- How many of the others are lower.
        rank() over (partition by fiscal_year, reach, alike order by share) - 1 as lower
    from among
    where reach != 'peers' or (unit_type is not null and size_class is not null)
),

told as (
    select
        *,
        -- A decimal divided is a double: whole numbers, half up, and then the point.
        case
            when scored > 1
                then cast(
                    (2 * lower * 10000000000 + scored - 1) // (2 * (scored - 1)) as decimal(28, 0)
                ) * cast(0.0000000001 as decimal(10, 10))
        end as percentile
    from ranked
)

select
    region,
    unit_code,
    fiscal_year,
    rubric_id,
    any_value(unit_name) as unit_name,
    any_value(unit_type) as unit_type,
    any_value(city) as city,
    any_value(district) as district,
    any_value(grade) as grade,
    cast(any_value(size_class) as integer) as size_class,
    any_value(is_disclosure_exempt) as is_disclosure_exempt,
    any_value(is_final) as is_final,
    any_value(budget_yuan) as budget_yuan,
    any_value(total_score) as total_score,
    any_value(total_points) as total_points,
    cast(any_value(share) as decimal(38, 10)) as score_rate,
    max(scored) filter (where reach = 'district') as scored_in_district,
    max(rank_of) filter (where reach = 'district') as rank_in_district,
    max(percentile) filter (where reach = 'district') as percentile_in_district,
    max(scored) filter (where reach = 'region') as scored_in_region,
    max(rank_of) filter (where reach = 'region') as rank_in_region,
    max(percentile) filter (where reach = 'region') as percentile_in_region,
    max(scored) filter (where reach = 'all') as scored_in_all,
    max(rank_of) filter (where reach = 'all') as rank_in_all,
    max(percentile) filter (where reach = 'all') as percentile_in_all,
    max(scored) filter (where reach = 'peers') as scored_among_peers,
    max(rank_of) filter (where reach = 'peers') as rank_among_peers,
    max(percentile) filter (where reach = 'peers') as percentile_among_peers
from told
group by region, unit_code, fiscal_year, rubric_id;

create view national.fct_region_totals as
with departments as (
    select
        region,
        fiscal_year,
        count(*) as departments
    from marts.dim_departments
    group by region, fiscal_year
),

evaluations as (
    select
        e.region,
        e.fiscal_year,
        e.status,
        e.grade,
        e.is_final,
        r.total_points,
        cast(e.total_score as decimal(18, 6)) as total_score,
        cast(e.total_score * 10000 as bigint) / cast(r.total_points * 10000 as bigint) as share
    from marts.fct_evaluations as e
    inner join marts.dim_rubrics as r using (region, rubric_id)
    where e.rubric_role = 'official'
),

counted as (
    select
        region,
        fiscal_year,
        count(*) as official,
        count(*) filter (where status = 'scored') as evaluated,
        count(*) filter (where status = 'blocked') as blocked,
        count(*) filter (where status = 'incomplete') as incomplete,
        bool_and(is_final) as is_final,
        count(distinct total_points) filter (where status = 'scored') = 1 as is_one_scale,
        sum(cast(total_score * 10000 as bigint)) as total_units,
        sum(cast(cast(share as decimal(38, 10)) * 10000000000 as bigint)) as rate_units,
        list(total_score order by total_score) filter (where status = 'scored') as totals,
        list(cast(share as decimal(38, 10)) order by share) filter (
            where status = 'scored'
        ) as rates
    from evaluations
    group by region, fiscal_year
),

grades as (
    select
        region,
        fiscal_year,
        map_from_entries(
            list((grade, departments) order by departments desc, grade asc)
        ) as grades
    from (
        select
            region,
            fiscal_year,
            grade,
            count(*) as departments
        from evaluations
        where status = 'scored'
        group by region, fiscal_year, grade
    ) as of_grades
    group by region, fiscal_year
)

select
    region,
    fiscal_year,
    counted.is_final,
    departments.departments,
    coalesce(counted.evaluated, 0) as evaluated,
    coalesce(counted.blocked, 0) as blocked,
    coalesce(counted.incomplete, 0) as incomplete,
    departments.departments - coalesce(counted.official, 0) as without_official_rubric,
    case
        when counted.is_one_scale
            then cast(
                (200 * counted.total_units + counted.evaluated) // (2 * counted.evaluated)
                as decimal(28, 0)
            ) * cast(0.000001 as decimal(6, 6))
    end as mean_total,
    case
        when counted.is_one_scale
            then (counted.totals[(counted.evaluated + 1) // 2] + counted.totals[counted.evaluated // 2 + 1])
            * cast(0.5 as decimal(1, 1))
    end as median_total,
    case
        when counted.evaluated > 0
            then cast(
                (2 * counted.rate_units + counted.evaluated) // (2 * counted.evaluated)
                as decimal(28, 0)
            ) * cast(0.0000000001 as decimal(10, 10))
    end as mean_score_rate,
    cast(
        (counted.rates[(counted.evaluated + 1) // 2] + counted.rates[counted.evaluated // 2 + 1])
        * cast(0.5 as decimal(1, 1)) as decimal(38, 10)
    ) as median_score_rate,
    grades.grades
from departments
left join counted using (region, fiscal_year)
left join grades using (region, fiscal_year);

create view national.fct_split_districts as
select
    fiscal_year,
    city,
    district,
    list(distinct region order by region) as regions
from marts.dim_departments
where city is not null
group by fiscal_year, city, district
having count(distinct region) > 1;

comment on view national.fct_ranks is
'每个地区、单位和年度的正式评分一行：在本区、本地区、全部地区和同类单位中的名次。主键为 region、unit_code、fiscal_year。One row for each region, department and fiscal year with a scored official evaluation: where it stands in its district, in its region, in all and among its peers. Keyed by region, unit_code, fiscal_year. It compares evaluations by different rubrics by score_rate; the district_rank of marts.fct_evaluations is among evaluations by the same rubric alone.';
comment on column national.fct_ranks.region is
'地区：landing 中该地区的文件夹名。Region (地区): the name of its folder in the landing folder.';
comment on column national.fct_ranks.unit_code is
'单位编码；只在本地区内唯一。Code of the department (单位编码), unique within its region alone.';
comment on column national.fct_ranks.fiscal_year is
'预算年度；只与同一年度的比较。Fiscal year (预算年度); compared with others of the same year alone.';
comment on column national.fct_ranks.rubric_id is
'正式评分标准。The official rubric (评分标准).';
comment on column national.fct_ranks.unit_name is
'单位名称；未填为空。Name of the department (单位名称); null where none was given.';
comment on column national.fct_ranks.unit_type is
'单位类型，见 dim_codes；未报送为空。Kind of unit, as in dim_codes; null where not delivered.';
comment on column national.fct_ranks.city is
'市；未报送为空。City (市); null where not delivered.';
comment on column national.fct_ranks.district is
'区；市直部门为空。District (区); null for a department of the city itself.';
comment on column national.fct_ranks.grade is
'该评分标准的等级。Grade (等级) by that rubric.';
comment on column national.fct_ranks.size_class is
'规模：按 budget_yuan 在当年全部已评分单位中的四分位，1 最小，4 最大，预算相同则同级；没有预算则为空。Size class: the quarter of budget_yuan among all that are scored in the year, 1 the smallest to 4 the largest, equal budgets in the same one: 1 + whole part of 4 × share of those with a budget that have a smaller one. Null where there is no budget.';
comment on column national.fct_ranks.is_disclosure_exempt is
'是否有文件涉密、不需公开：公布名次前应先剔除。Whether a document of the department need not be disclosed (涉密): leave it out of what is shown to the public.';
comment on column national.fct_ranks.is_final is
'是否为最终结果；年度未结束时为 false。Whether it is final; false while the year is open, null of older versions.';
comment on column national.fct_ranks.budget_yuan is
'调整预算数（合计），即 fct_measures 中 budget_execution_rate 的分母，单位元；未报送为空。Adjusted budget, total, in yuan: the denominator of budget_execution_rate in fct_measures. Null where not delivered.';
comment on column national.fct_ranks.total_score is
'总分。Total score (总分), in points of the rubric.';
comment on column national.fct_ranks.total_points is
'该评分标准的满分。Points that the rubric has in all.';
comment on column national.fct_ranks.score_rate is
'得分率：total_score ÷ total_points，0 至 1，名次据此。total_score ÷ total_points, 0 to 1, rounded half up to 10 decimals; ranks are by the exact quotient.';
comment on column national.fct_ranks.scored_in_district is
'同年度、同地区、同市、同区已评分单位数，含本单位。Departments scored in the same year, region, city and district, this one among them.';
comment on column national.fct_ranks.rank_in_district is
'其中按得分率从高到低的名次，同分同名次，其后名次空出（1、2、2、4）。Rank among them by score_rate, the highest first; equal ones share a rank and leave out the next (1, 2, 2, 4).';
comment on column national.fct_ranks.percentile_in_district is
'其他单位中得分率较低（不含相同）的所占比例，0 至 1；没有其他单位则为空。Share of the others of them whose score_rate is lower, equal ones not counted as lower, 0 to 1; null where there are no others.';
comment on column national.fct_ranks.scored_in_region is
'同年度、同地区已评分单位数，含本单位。Departments scored in the same year and region, this one among them.';
comment on column national.fct_ranks.rank_in_region is
'其中的名次，规则同 rank_in_district。Rank among them, as rank_in_district.';
comment on column national.fct_ranks.percentile_in_region is
'其中的百分位，规则同 percentile_in_district。Percentile among them, as percentile_in_district.';
comment on column national.fct_ranks.scored_in_all is
'同年度全部地区已评分单位数，含本单位。Departments scored in the same year in all regions of this catalogue, this one among them.';
comment on column national.fct_ranks.rank_in_all is
'其中的名次，规则同 rank_in_district。Rank among them, as rank_in_district.';
comment on column national.fct_ranks.percentile_in_all is
'其中的百分位，规则同 percentile_in_district。Percentile among them, as percentile_in_district.';
comment on column national.fct_ranks.scored_among_peers is
'同年度、同 unit_type、同 size_class 的已评分单位数，含本单位，不分地区；两者任一为空则为空。Departments scored in the same year with the same unit_type and size_class, in all regions, this one among them; null where either is null.';
comment on column national.fct_ranks.rank_among_peers is
'其中的名次，规则同 rank_in_district。Rank among them, as rank_in_district.';
comment on column national.fct_ranks.percentile_among_peers is
'其中的百分位，规则同 percentile_in_district。Percentile among them, as percentile_in_district.';

comment on view national.fct_region_totals is
'每个地区和年度一行：单位数、正式评价的结果和平均。主键为 region、fiscal_year。One row for each region and fiscal year with departments: how many there are, what their official evaluations came to, and averages of the scored. Keyed by region, fiscal_year.';
comment on column national.fct_region_totals.region is
'地区：landing 中该地区的文件夹名。Region (地区): the name of its folder in the landing folder.';
comment on column national.fct_region_totals.fiscal_year is
'预算年度。Fiscal year (预算年度).';
comment on column national.fct_region_totals.is_final is
'是否全部为最终结果；没有正式评价，或只有较早版本的结果，则为空。Whether all of them are final; null where there are none, or none whose version says so.';
comment on column national.fct_region_totals.departments is
'单位数：dim_departments 中的全部单位。Departments in dim_departments.';
comment on column national.fct_region_totals.evaluated is
'其中正式评价已评分的。Of these, those with a scored official evaluation.';
comment on column national.fct_region_totals.blocked is
'其中被严重数据问题阻断的。Of these, those that a critical data rule blocks.';
comment on column national.fct_region_totals.incomplete is
'其中数据不全的。Of these, those for which data is missing.';
comment on column national.fct_region_totals.without_official_rubric is
'其中没有正式评分标准的；与前三项相加为单位数。Of these, those without an official rubric; with the three before they add up to departments.';
comment on column national.fct_region_totals.mean_total is
'已评分单位总分的平均，四舍五入到 6 位小数；满分不一或没有已评分单位则为空。Mean total_score of the scored, rounded half up to 6 decimals; null where none is, or where their rubrics have different totals.';
comment on column national.fct_region_totals.median_total is
'其总分的中位数，偶数个时取中间两数的平均；为空的情形同上。Median total_score of the scored, of an even number the mean of the middle two; null as mean_total is.';
comment on column national.fct_region_totals.mean_score_rate is
'其得分率（总分 ÷ 满分）的平均，四舍五入到 10 位小数；没有已评分单位则为空。Mean of their totals as shares of their rubrics'' totals, 0 to 1, rounded half up to 10 decimals; null where none is scored.';
comment on column national.fct_region_totals.median_score_rate is
'其得分率的中位数。Median of the same.';
comment on column national.fct_region_totals.grades is
'各等级的单位数；等级名称依各评分标准。How many of the scored have each grade, as a map; the names are the rubrics'' own. Null where none is scored.';

comment on view national.fct_split_districts is
'同一年度分在几个地区的区：名次只在各地区内比较，应归入一个地区。主键为 fiscal_year、city、district。Districts of which several regions have departments in the same year, though a region is of whole districts: ranks in the district are within each region alone. Keyed by fiscal_year, city, district.';
comment on column national.fct_split_districts.fiscal_year is
'预算年度。Fiscal year (预算年度).';
comment on column national.fct_split_districts.city is '市。City (市).';
comment on column national.fct_split_districts.district is
'区；市直部门为空。District (区); null for the departments of the city itself.';
comment on column national.fct_split_districts.regions is
'有该区单位的地区。The regions that have departments of it.';

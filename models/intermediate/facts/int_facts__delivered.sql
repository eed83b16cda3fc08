{{ cells('budgets', ['budget_line'], {
    'initial_budget': 'initial_budget_yuan',
    'adjusted_budget': 'adjusted_budget_yuan',
    'executed': 'executed_yuan',
}, amounts=true) }}
union all by name
{{ cells('budget_execution', ['month'], {
    'adjusted_budget': 'adjusted_budget_yuan',
    'cumulative_executed': 'cumulative_executed_yuan',
    'progress_pct': 'progress_pct',
    'execution_rate_pct': 'execution_rate_pct',
}, amounts=true) }}
union all by name
{{ cells('procurement', ['category'], {
    'planned': 'planned_yuan',
    'actual': 'actual_yuan',
    'sme_awarded': 'sme_awarded_yuan',
}, amounts=true) }}
union all by name
{{ cells('public_expenses', ['item'], {
    'budgeted': 'budgeted_yuan',
    'actual': 'actual_yuan',
}, amounts=true) }}
union all by name
{{ cells('staffing', ['staff_category'], {
    'authorised': 'authorised_count',
    'actual': 'actual_count',
}) }}
union all by name
{{ cells('assets', [], {
    'fixed_assets_total': 'fixed_assets_total_yuan',
    'fixed_assets_in_use': 'fixed_assets_in_use_yuan',
}, amounts=true) }}
union all by name
{{ cells('projects', ['project_code'], {
    'budget_total': 'budget_total_yuan',
    'budget_fiscal': 'budget_fiscal_yuan',
    'executed_total': 'executed_total_yuan',
    'executed_fiscal': 'executed_fiscal_yuan',
}, amounts=true) }}
union all by name
{{ cells('work_completion', ['work_type'], {
    'planned_count': 'planned_count',
    'completed_on_time_count': 'completed_on_time_count',
}) }}
union all by name
{{ cells('performance_targets', ['target_no'], {
    'is_attained': 'cast(is_attained as integer)',
    'is_applicable': 'cast(is_applicable as integer)',
    'attained_pct': 'attainment_rate',
    'weight': 'counted_weight',
}, attributes=['level1', 'level2', 'is_applicable'], column_names={
    'is_attained': 'attained_column',
    'attained_pct': 'attainment_column',
    'weight': 'weight_column',
}, rests_on={
    'is_attained': ['operator', 'expected_value', 'actual_value', 'attained_pct'],
    'attained_pct': ['operator', 'expected_value', 'actual_value', 'is_attained'],
}) }}
union all by name
{{ cells('petitions', ['channel'], {
    'received': 'received_count',
    'replied': 'replied_count',
    'replied_on_time': 'replied_on_time_count',
}) }}
union all by name
{{ cells('satisfaction_surveys', ['survey_name'], {
    'satisfaction_pct': 'satisfaction_pct',
    'respondents': 'respondents_count',
}) }}
union all by name
{{ cells('disclosures', ['document'], {'status': 'null'}, attributes=['status']) }}
union all by name
{{ cells('unit_measures', ['measure_code'], {
    'numerator': 'numerator',
    'denominator': 'coalesce(denominator, 1)',
}) }}
